import re

import pytest

from unmask.report.table import (
    LONG_TABLE_ROWS,
    Cell,
    Table,
    latex_escape,
    latex_table,
    markdown_table,
)


def table(num_rows: int = 1, text: str = "a") -> Table:
    return Table("Cap_tion", ["run_1", "AUC ↑"], [[Cell(text), Cell("0.9", "[b]")]] * num_rows)


def test_every_special_letter_is_escaped_once() -> None:
    written = latex_escape("\\ & % $ # _ { } ~ ^")
    # What is left after the escapes holds none of the letters that LaTeX would act on.
    rest = re.sub(r"\\text\w+\{\}|\\[&%$#_{}]", "", written)
    assert not set(rest) & set("\\&%$#_{}~^")
    assert written.count("textbackslash") == 1


def test_a_run_cannot_run_latex_of_its_own() -> None:
    text = latex_table(table(text=r"\input{/etc/passwd}"), "t")
    assert r"\input" not in text
    assert r"\textbackslash{}input\{/etc/passwd\}" in text


def test_latex_has_booktabs_rules_and_as_many_columns() -> None:
    text = latex_table(table(2), "tab:x")
    assert [text.count(rf"\{rule}rule") for rule in ("top", "mid", "bottom")] == [1, 1, 1]
    assert r"\begin{tabular}{ll}" in text
    assert "\\caption{Cap\\_tion}\n\\label{tab:x}\n\\resizebox" in text
    assert text.count(r"a & 0.9 {\small [b]} \\") == 2


def test_columns_of_one_name_and_a_table_without_rows_are_written() -> None:
    twice = latex_table(Table("c", ["x", "x"], [[Cell("1"), Cell("2")]]), "t")
    assert "x & x \\\\\n\\midrule\n1 & 2 \\\\\n\\bottomrule\n\\end{tabular}}" in twice
    assert "\\midrule\n\\bottomrule" in latex_table(Table("c", ["x", "y"], []), "t")


def test_a_long_table_may_break_over_pages() -> None:
    text = latex_table(table(LONG_TABLE_ROWS + 1), "t")
    assert r"\begin{longtable}" in text
    assert text.startswith(r"\begingroup")
    assert text.endswith("\\end{longtable}\n\\endgroup")
    assert "tabular" not in text


def test_markdown_keeps_cells_apart_and_links_safe() -> None:
    cells = [Cell("a|b", link="x (1)/r.html"), Cell("0.9", is_strong=True)]
    text = markdown_table(Table("c", ["run", "AUC"], [cells]))
    assert text.splitlines()[2] == r"| [a\|b](x%20%281%29/r.html) | **0.9** |"


def test_a_ragged_row_is_named() -> None:
    with pytest.raises(ValueError, match="1 cells does not fit the 2 columns of 'c'"):
        Table("c", ["a", "b"], [[Cell("x")]])
