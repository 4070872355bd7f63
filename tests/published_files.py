"""Small files in the formats of published data sets, with invented texts."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

EKMAN = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
ISEAR_COLUMNS = (
    "ID|CITY|COUN|SUBJ|SEX|AGE|RELI|PRAC|FOCC|MOCC|FIEL|EMOT|WHEN|LONG|INTS|ERGO|TROPHO|TEMPER|EXPRES|MOVE|EXP1|EXP2|"
    "EXP10|PARAL|CON|EXPC|PLEA|PLAN|FAIR|CAUS|COPING|MORL|SELF|RELA|VERBAL|NEUTRO|Field1|Field3|Field2|MYKEY|SIT|STATE"
)
MELD_COLUMNS = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"


def goemotions(folder: Path, lines: Sequence[str], names: Sequence[str] = EKMAN) -> Path:
    """Write `dev.tsv` and the names of its label ids."""
    folder.mkdir(exist_ok=True)
    (folder / "labels.txt").write_text("\n".join(names))
    (folder / "dev.tsv").write_text("\n".join(lines) + "\n")
    return folder / "dev.tsv"


def isear(folder: Path, rows: Sequence[tuple[str, int, str]], encoding: str = "utf-8") -> Path:
    """Write subject, number of the emotion and text; every row ends with a bar, as in the original."""
    width = len(ISEAR_COLUMNS.split("|"))
    lines = [ISEAR_COLUMNS]
    for subject, emotion, text in rows:
        cells = [subject, *["1"] * (width - 1)]
        cells[ISEAR_COLUMNS.split("|").index("EMOT")] = str(emotion)
        cells[ISEAR_COLUMNS.split("|").index("SIT")] = text
        lines.append("|".join(cells) + "|")
    file = folder / "isear.csv"
    file.write_bytes("\n".join(lines).encode(encoding))
    return file


def crowd_envent(
    folder: Path, rows: Sequence[tuple[str, str, str]], ending: str = "tsv", encoding: str = "utf-8"
) -> Path:
    """Write emotion, writer and text in the columns of the generation table, among other columns."""
    frame = pd.DataFrame(rows, columns=["emotion", "prolific_id", "generated_text"])
    frame.insert(0, "round_number", "round-1")
    frame["hidden_emo_text"] = frame["generated_text"]
    file = folder / f"crowd-enVent_generation.{ending}"
    frame.to_csv(file, sep="\t" if ending == "tsv" else ",", index=False, encoding=encoding)
    return file


def meld(folder: Path, rows: Sequence[tuple[str, str, int]], encoding: str = "utf-8") -> Path:
    """Write utterance, emotion and dialogue."""
    lines = [MELD_COLUMNS]
    for number, (text, emotion, dialogue) in enumerate(rows, 1):
        lines.append(f'{number},"{text}",Ann,{emotion},neutral,{dialogue},0,1,1,"00:00:01,000","00:00:02,000"')
    file = folder / "train_sent_emo.csv"
    file.write_bytes("\n".join(lines).encode(encoding))
    return file


def tweeteval(folder: Path, texts: Sequence[str], numbers: Sequence[int]) -> Path:
    """Write the file of texts, the file of labels, and the mapping of labels to names."""
    (folder / "mapping.txt").write_text("0\tanger\n1\tjoy\n2\toptimism\n3\tsadness")
    (folder / "val_labels.txt").write_text("".join(f"{number}\n" for number in numbers))
    file = folder / "val_text.txt"
    file.write_text("".join(f"{text}\n" for text in texts))
    return file


def of_datasets(file: Path, rows: pd.DataFrame, names: Sequence[str]) -> Path:
    """Write a Parquet file as `datasets` does: label numbers, with their names in the metadata of the schema."""
    column = next(name for name in rows if name != "text")
    label = {"names": list(names), "_type": "ClassLabel"}
    feature = {"feature": label, "_type": "List"} if column == "labels" else label
    features = {"text": {"dtype": "string", "_type": "Value"}, column: feature}
    table = arrow.Table.from_pandas(rows, preserve_index=False)
    metadata = json.dumps({"info": {"features": features}}).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table.replace_schema_metadata({b"huggingface": metadata}), file)
    return file


def aipsy(file: Path) -> Path:
    """Write two vignettes with their controls, and one of an emotion that is not in the book."""
    rows = [
        ("B-rage-d1-v1", "rage", "peak", "N-rage-d1-c1", "He found the door broken and the money gone."),
        ("N-rage-d1-c1", "rage", "none", "B-rage-d1-v1", "He found the door open and the money counted."),
        ("B-terror-d1-v1", "terror", "peak", "N-terror-d1-c1", "The steps behind her did not stop."),
        ("N-terror-d1-c1", "neutral", "none", "B-terror-d1-v1", "The clock behind her did not stop."),
        ("B-vigilance-d1-v1", "vigilance", "peak", "N-vigilance-d1-c1", "She counted the exits again."),
    ]
    frame = pd.DataFrame(rows, columns=["id", "emotion", "intensity", "matched_control_id", "text"])
    frame.to_parquet(file)
    return file
