"""How long files, functions and lines of docs are, who imports whom, and what docs name."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "unmask").rglob("*.py"))
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 40
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MOST_LETTERS_OF_A_LINE = 120
DATASETS = (ROOT / "docs" / "datasets.md").read_text()
# Rows of its table: the first cell names files in conf/data, the last one tests.
ROWS = [line.strip("| ").split(" | ") for line in DATASETS.splitlines() if line.startswith("| `")]


def lengths_of_functions(source: str) -> Iterator[tuple[str, int]]:
    """Yield each function's name and its lines from ``def`` to its end, without its docstring."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                length -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
            yield node.name, length


def long_lines(page: str) -> list[int]:
    """Return the numbers of the lines of prose that are too long; tables, code and pictures may."""
    found, is_code = [], False
    for number, line in enumerate(page.splitlines(), start=1):
        is_code ^= line.startswith("```")
        is_prose = not is_code and not line.startswith(("|", "    ")) and "![" not in line
        if is_prose and len(line) > MOST_LETTERS_OF_A_LINE:
            found.append(number)
    return found


def test_the_length_of_a_function_leaves_out_its_docstring_alone() -> None:
    source = (
        '@mark\ndef f(\n    x,\n):\n    """One.\n\n    Two.\n    """\n    # why\n\n    return x\n'
    )
    assert list(lengths_of_functions(source)) == [("f", 6)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_and_functions_stay_short(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= MOST_LINES_OF_A_FILE
    functions = lengths_of_functions(source)
    assert [(name, n) for name, n in functions if n > MOST_LINES_OF_A_FUNCTION] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_docstrings_and_comments_use_words_of_the_field(path: Path) -> None:
    words = r"\b(?:says? of|whatever|likewise)\b|: As there"
    assert re.findall(words, path.read_text(), re.IGNORECASE) == []


def test_prose_is_wrapped_and_tables_code_and_pictures_may_be_longer() -> None:
    words = "word " * 30
    assert long_lines(f"{words}\n\n| {words}|\n\n    {words}\n![{words}](a.png)\n") == [1]
    assert long_lines(f"```\n{words}\n```\n- {words}\n") == [4]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_lines_of_the_docs_stay_short(path: Path) -> None:
    assert long_lines(path.read_text()) == []


def named_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_table_of_data_sets_has_every_one() -> None:
    files = {path.stem for path in (ROOT / "conf" / "data").glob("*.yaml")} - {"blend"}
    assert {name for row in ROWS for name in named_in(row[0]) if name != "data="} == files


@pytest.mark.parametrize("row", ROWS[1:], ids=lambda row: row[0])
def test_every_row_of_the_table_names_tests_that_exist(row: list[str]) -> None:
    assert len(row) == 6
    tests = named_in(row[-1])
    assert tests
    assert [name for name in tests if not list((ROOT / "tests").rglob(name))] == []


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in SOURCES}


def imports_of(node: ast.AST) -> Iterator[str]:
    """Yield every module of the package that code imports, in functions, too, but for typing."""
    for child in ast.iter_child_nodes(node):
        names: list[str] = []
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            for other in child.orelse:
                yield from imports_of(other)
            continue
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            found = [f"{child.module}.{alias.name}" for alias in child.names]
            names = [name if name in MODULES else str(child.module) for name in found]
        yield from (name for name in names if name in MODULES)
        yield from imports_of(child)


def test_imports_in_functions_count_and_those_for_typing_do_not() -> None:
    source = (
        "import unmask.core.files\n"
        "if TYPE_CHECKING:\n    from unmask.core import labels\n"
        "def f():\n    from unmask.core.errors import DataError\n"
        "    from unmask.core import cores\n"
    )
    assert list(imports_of(ast.parse(source))) == [
        "unmask.core.files",
        "unmask.core.errors",
        "unmask.core.cores",
    ]


def test_no_modules_import_each_other_not_even_lazily() -> None:
    graph = {name: set(imports_of(ast.parse(MODULES[name].read_text()))) for name in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"These import each other: {' <- '.join(error.args[1])}.")
