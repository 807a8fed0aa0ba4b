"""What Snakemake calls: raw videos to stores and verdicts; starts without torch."""
