"""The tables as LaTeX, set by pdflatex in a two-column article."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from avrsp.report.latex import grid_to_latex, to_latex
from avrsp.report.page import Grid
from tests.report.test_tables import ABOUT_SAMPLE, DATASETS, EVIL, table

pytestmark = pytest.mark.slow

REFERENCE = Path(__file__).parents[2] / "reports" / "reference" / "tables"
SMALLEST = 0.6
"""To which part of its width a table may be shrunk: footnotes in 8 points become 5 points."""

ARTICLE = r"""\documentclass[twocolumn]{article}
\usepackage{booktabs,graphicx}
\newsavebox{\measured}
\newcommand{\measure}[3]{\sbox{\measured}{#3}%
  \typeout{WIDTH \the\wd\measured\space OF \the\linewidth}\shrunk{#1}{#2}{#3}}
\let\shrunk\resizebox
\let\resizebox\measure
\begin{document}
See Table~\ref{tab:avrsp-statements}.
TABLES
\end{document}
"""


def test_tables_compile_fit_and_can_be_read(tmp_path: Path) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip(
            "no pdflatex: make cluster-tools, as root, or apt-get install texlive-latex-recommended"
        )
    generated = replace(table(note=EVIL), headings=ABOUT_SAMPLE.titles(DATASETS))
    plain = Grid("Statements", ("Statement", "Holds"), ((EVIL, "yes"), ("word " * 12, "yes")))
    texts = [to_latex(generated), grid_to_latex(plain, "statements", EVIL)]
    texts += [path.read_text() for path in sorted(REFERENCE.glob("*.tex"))]
    (tmp_path / "all.tex").write_text(ARTICLE.replace("TABLES", "\n".join(texts)))
    command = [program, "-halt-on-error", "-interaction=nonstopmode", "all.tex"]
    for _ in range(2):  # references are known the second time
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    log = (tmp_path / "all.log").read_text()
    assert "Overfull" not in log
    assert "undefined" not in log
    widths = re.findall(r"WIDTH ([\d.]+)pt OF ([\d.]+)pt", log)
    assert len(widths) == len(texts)
    for width, room in widths:
        assert float(room) / float(width) >= SMALLEST
