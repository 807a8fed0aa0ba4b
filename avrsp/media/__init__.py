"""Everything that starts ffmpeg: probe, decode, encode, and sound as arrays."""
