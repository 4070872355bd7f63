"""Tables are read as a person sees them, or refused with file and line."""

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emomech.core.errors import UsageError
from emomech.data.tables import Table, read

ROWS = (("It broke.", "sad"), ("It works!", "glad"), ("NA", "007"))
TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t\"',;|\\ "), min_size=1, max_size=30
)
LABEL = st.sampled_from(["joy", "fear", "very sad", "NA", "None", 'so-called "joy"', "a,b", "a;b"])
PLAIN = st.sampled_from(["joy", "fear", "very sad", "NA"])
TABLES = st.lists(st.tuples(TEXT.filter(str.strip), LABEL), min_size=1, max_size=6)
FUZZED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(folder: Path, content: str | bytes, name: str = "texts.csv") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def texts_and_labels(table: Table) -> list[tuple[str, str]]:
    """Texts and labels; spaces before a field do not count, as in `text, label`."""
    return list(zip(*[[cell.lstrip(" ") for cell in table.column(name)] for name in ("text", "label")], strict=True))


def read_or_refused(file: Path, rows: list[tuple[str, str]]) -> None:
    """The same texts and labels, or an error that names the file."""
    try:
        table = read(file)
    except UsageError as error:
        assert file.name in str(error)
        return
    assert texts_and_labels(table) == [(text.lstrip(" "), label) for text, label in rows]


@FUZZED
@given(rows=TABLES, separator=st.sampled_from([",", ";", "\t", "|"]), quoting=st.sampled_from([0, 1, 2]))
def test_what_pandas_writes_is_read(tmp_path: Path, rows: list[tuple[str, str]], separator: str, quoting: int) -> None:
    frame = pd.DataFrame(rows, columns=["text", "label"])
    file = tmp_path / "texts.csv"
    frame.to_csv(file, index=False, sep=separator, quoting=quoting)  # pyright: ignore[reportCallIssue, reportArgumentType]
    read_or_refused(file, rows)


@FUZZED
@given(rows=TABLES, dialect=st.sampled_from(["excel", "excel-tab", "unix"]), bom=st.booleans())
def test_what_the_csv_module_and_excel_write_is_read(
    tmp_path: Path, rows: list[tuple[str, str]], dialect: str, bom: bool
) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, dialect).writerows([("text", "label"), *rows])
    read_or_refused(write(tmp_path, buffer.getvalue().encode("utf-8-sig" if bom else "utf-8")), rows)
    read_or_refused(write(tmp_path, buffer.getvalue().encode("utf-16")), rows)


@FUZZED
@given(rows=TABLES, separator=st.sampled_from([",", ";"]))
def test_what_r_writes_is_read(tmp_path: Path, rows: list[tuple[str, str]], separator: str) -> None:
    """`write.csv` and `write.csv2` quote every text, double quotes inside it, and put row names first."""
    quoted = [[str(i), *row] for i, row in enumerate(rows, 1)]
    lines = [["", "text", "label"], *quoted]
    content = "\n".join(separator.join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines)
    read_or_refused(write(tmp_path, content + "\n"), rows)


@FUZZED
@given(rows=TABLES)
def test_json_lines_are_read(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    content = "\n".join(json.dumps({"text": text, "label": label}) for text, label in rows)
    assert list(read(write(tmp_path, content, "texts.jsonl")).rows) == rows


@FUZZED
@given(rows=TABLES, category=st.booleans())
def test_parquet_is_read(tmp_path: Path, rows: list[tuple[str, str]], category: bool) -> None:
    frame = pd.DataFrame(rows, columns=["text", "label"])
    frame.astype({"label": "category"} if category else {}).to_parquet(tmp_path / "texts.parquet")
    assert list(read(tmp_path / "texts.parquet").rows) == rows


def test_nothing_is_taken_for_a_number_or_a_missing_value(tmp_path: Path) -> None:
    file = write(tmp_path, "text,label\nIt broke.,sad\nIt works!,glad\nNA,007\n")
    assert read(file).rows == ROWS
    assert read(file).places == ("line 2", "line 3", "line 4")


@FUZZED
@given(rows=TABLES, quoting=st.sampled_from([0, 1, 2]), swapped=st.booleans(), end=st.sampled_from(["\n", "\r\n"]))
def test_columns_in_another_order_and_line_ends_are_read(
    tmp_path: Path, rows: list[tuple[str, str]], quoting: int, swapped: bool, end: str
) -> None:
    """With the labels first, too, a text of several lines is not taken for rows, nor rows for a text."""
    frame = pd.DataFrame(rows, columns=["text", "label"])[["label", "text"] if swapped else ["text", "label"]]
    file = tmp_path / "TEXTS.CSV"
    frame.to_csv(file, index=False, quoting=quoting, lineterminator=end)  # pyright: ignore[reportCallIssue, reportArgumentType]
    read_or_refused(file, rows)


@FUZZED
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(['"Hi', "Hi", 'He said "no"', '"No" she said', "It's", '"']), PLAIN), min_size=2
    ),
    separator=st.sampled_from([",", ";", "\t"]),
    swapped=st.booleans(),
)
def test_what_was_written_without_quotes_is_read_or_refused(
    tmp_path: Path, rows: list[tuple[str, str]], separator: str, swapped: bool
) -> None:
    """Lines are joined by hand, as in a text editor: a quote may then open a field that nobody meant to open."""
    cells = [("text", "label"), *((text, label) for text, label in rows)]
    lines = [separator.join(row[::-1] if swapped else row) for row in cells]
    file = write(tmp_path, "\n".join(lines) + "\n")
    try:
        table = read(file)
    except UsageError as error:
        assert file.name in str(error)
        return
    assert len(table.rows) == len(rows)
    assert [label for _, label in texts_and_labels(table)] == [label for _, label in rows]


def test_spaces_before_quotes_and_backslashes_are_read(tmp_path: Path) -> None:
    table = read(write(tmp_path, 'label, text\n"joy", "He said, ""no""."\nsad, It rained.\n'))
    assert table.rows == (("joy", 'He said, "no".'), ("sad", "It rained."))
    content = 'text,label\n"She said \\"no\\" at C:\\temp\\new",sad\n"a \\"b\\" ""c""",joy\n'
    assert read(write(tmp_path, content)).column("text") == ['She said "no" at C:\\temp\\new', 'a "b" "c"']


def test_columns_that_are_no_texts_are_refused_only_if_they_are_asked_for(tmp_path: Path) -> None:
    rows = '{"text": "It broke.", "label": "sad", "meta": {"n": [1, 2]}}\n'
    table = read(write(tmp_path, rows, "texts.jsonl"))
    assert texts_and_labels(table) == [("It broke.", "sad")]
    with pytest.raises(UsageError, match=r"line 1 has .* as meta, expected one text"):
        table.column("meta")
    frame = pd.DataFrame({"text": ["It broke."], "label": ["sad"], "tokens": [["It", "broke"]], "emb": [b"\xff\xfe"]})
    frame.to_parquet(tmp_path / "texts.parquet")
    assert texts_and_labels(read(tmp_path / "texts.parquet")) == [("It broke.", "sad")]


@pytest.mark.parametrize("schema", ["{", "[]", '{"info": null}', '{"info": {"features": {"label": []}}}'])
def test_a_damaged_schema_of_datasets_gives_no_names(schema: str, tmp_path: Path) -> None:
    table = arrow.table({"text": ["It broke."], "label": ["sad"]}).replace_schema_metadata({"huggingface": schema})
    parquet.write_table(table, tmp_path / "texts.parquet")
    assert texts_and_labels(read(tmp_path / "texts.parquet")) == [("It broke.", "sad")]


def test_the_separator_that_excel_names_is_used(tmp_path: Path) -> None:
    for content in (
        "sep=;\ntext;label\nIt broke, again.;sad\n",
        '\ufeff"sep=;"\r\ntext;label\r\nIt broke, again.;sad\r\n',
    ):
        table = read(write(tmp_path, content))
        assert table.rows == (("It broke, again.", "sad"),) and table.places == ("line 3",)


def test_half_a_character_and_bytes_are_refused(tmp_path: Path) -> None:
    half = '{"text": "Hm \\ud83d", "label": "sad"}\n'
    with pytest.raises(UsageError, match=r"line 1 has half a character \(U\+D83D\) as text"):
        read(write(tmp_path, half, "texts.jsonl")).column("text")
    for content, message in ((b"It broke.", ""), (b"caf\xe9", "row 1 has bytes as text that are not UTF-8")):
        pd.DataFrame({"text": [content], "label": ["sad"]}).to_parquet(tmp_path / "texts.parquet")
        if message:
            with pytest.raises(UsageError, match=message):
                read(tmp_path / "texts.parquet").column("text")
        else:
            assert read(tmp_path / "texts.parquet").rows == (("It broke.", "sad"),)


def test_a_mac_and_a_windows_file_are_read(tmp_path: Path) -> None:
    for end in ("\r", "\r\n"):
        assert read(write(tmp_path, end.join(["text,label", "It broke.,sad", ""]))).rows == (("It broke.", "sad"),)


def test_text_of_several_lines_is_read(tmp_path: Path) -> None:
    file = write(tmp_path, 'text,label\n"It broke.\nThen it worked.",glad\n')
    assert read(file).rows == (("It broke.\nThen it worked.", "glad"),)
    file = write(tmp_path, 'text,label\n"First, it broke.\nThen, it worked.",glad\n')
    assert read(file).rows == (("First, it broke.\nThen, it worked.", "glad"),)


def test_quotes_with_backslashes_are_read(tmp_path: Path) -> None:
    file = write(tmp_path, 'text,label\n"She said \\"no\\", and left",sad\n')
    assert read(file).rows == (('She said "no", and left', "sad"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\nIt was late, Ann left.,sad\n", r"line 2 has 3 fields, expected 2 .*quotes around"),
        ("text,label\na,sad\nb\n", "line 3 has 1 fields, expected 2"),
        ('text,label\nx,sad\n"Hi, she said,sad\ny,glad\n"No,glad\n', "line 3: a quote opens a field"),
        ('text,label\n"Hi,sad\ny,glad\nz was here",glad\n', "line 2: a quote opens a field that contains whole rows"),
        ('text,label\n"Hi,sad\n', "line 2: a quote opens a field"),
        ("text,label\na,sad\ntext,label\nb,glad\n", "line 3 repeats the header"),
        ('text,label\r"Hi,sad\ry,glad\rz",glad\r', "line 2: a quote opens a field that contains whole rows"),
        ('text,label,score\n"Hi,love,0.5\nend",sad,0.7\nfoo,joy,0.3\n', "line 2: a quote opens a field that contains"),
        ('text,label\n"Well, yes,joy\nIt is, no,sad\nend",sad\nx,joy\n', "line 2: a quote opens a field that contains"),
        ('label,text\nglad,x\nsad,"Hi\nglad,y"\n', "line 3: a quote opens a field that contains whole rows"),
        ("text;label\nIt broke,sad\n", "line 2 has 1 fields, .* divided by a semicolon, this line by a comma"),
        ("text,text,label\na,b,sad\n", "names the column 'text' twice"),
        ("text\tlabel;text\na\tb;c\n", "could be separated by tab or semicolon"),
        (
            b"text,label\ncaf\xe9,sad\n",
            "line 2, byte 14 is not UTF-8. Save the file as UTF-8 with the program .* iconv",
        ),
        (b"text,label\na\0b,sad\n", "line 2 contains a null character"),
        ("", "is empty"),
        ("\n\n", "is empty"),
    ],
)
def test_what_is_ambiguous_is_refused_with_its_line(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        read(write(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a", "label": "sad"}\n["a"]\n', "line 2 is not an object"),
        ('{"text": "a", "label": ["sad", "glad"]}\n', r"line 1 has \['sad', 'glad'\] as label, expected one text"),
        (
            '{"text": "a", "text": "b", "label": "sad"}\n',
            "line 1 is not JSON that can be read: it has the field 'text' twice",
        ),
    ],
)
def test_json_that_is_ambiguous_is_refused(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        read(write(tmp_path, content, "texts.jsonl")).column("label")


def named(labels: list[int | None], names: list[str]) -> arrow.Table:
    """A table as `datasets` writes it, with the names of the classes in the schema."""
    features = {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": names, "_type": "ClassLabel"}}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    table = arrow.table({"text": [f"text {i}" for i in range(len(labels))], "label": labels})
    return table.replace_schema_metadata(metadata)


def test_numbered_classes_have_the_names_of_the_schema(tmp_path: Path) -> None:
    file = tmp_path / "texts.parquet"
    parquet.write_table(named([0, 2, 1, -1], ["happy", "sad", "scared"]), file)
    assert read(file).column("label") == ["happy", "scared", "sad", ""]
    assert read(file).numeric == frozenset()
    parquet.write_table(named([0, 3], ["happy", "sad"]), file)
    with pytest.raises(UsageError, match="row 2 has the class 3 as label, expected 0 to 1"):
        read(file).column("label")


def test_numbers_without_names_are_marked(tmp_path: Path) -> None:
    pd.DataFrame({"text": ["a", "b"], "label": [0.0, 1.0]}).to_parquet(tmp_path / "texts.parquet")
    assert read(tmp_path / "texts.parquet").numeric == frozenset({"label"})


def test_empty_cells_of_a_category_are_empty(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "label": ["x", "y"], "person": pd.Categorical(["Ann", None])})
    frame.to_parquet(tmp_path / "texts.parquet")
    assert read(tmp_path / "texts.parquet").column("person") == ["Ann", ""]
