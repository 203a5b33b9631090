"""What an upload takes: the forms of file and the parameters, as the API page tells them."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import Field

from service import summaries
from service.api.examples import SUMMARY
from service.caps import REQUEST
from service.catalog.datasets import NAME_PATTERN
from service.intake import MEDIA_TYPES, MISSING_WORDS, Caps, Form
from service.intake.receiving import MULTIPART

ACCEPTED: Final = (*MEDIA_TYPES, MULTIPART)

_CSV: Final = "county,floor,radon\nAITKIN,1,2.2\nAITKIN,0,2.9\nANOKA,0,\n"
_ROWS: Final = [{"county": "AITKIN", "radon": 2.2}, {"county": "ANOKA", "radon": 3.1}]
REFERENCE: Final = {"reference": {"root": "survey", "path": "2024/*.parquet"}}
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}

UPLOAD: Final[dict[str, dict[str, Any]]] = {
    "requestBody": {
        "required": True,
        "description": "The file. `Content-Encoding: gzip` and gzip files are understood.",
        "content": {
            Form.CSV.value: {**_BINARY, "example": _CSV},
            Form.TSV.value: {**_BINARY, "example": _CSV.replace(",", "\t")},
            Form.PARQUET.value: _BINARY,
            Form.ARROW.value: _BINARY,
            Form.ARROW_FILE.value: _BINARY,
            Form.NDJSON.value: {
                **_BINARY,
                "example": "".join(json.dumps(row) + "\n" for row in _ROWS),
            },
            Form.JSON.value: {
                "schema": {"$ref": "#/components/schemas/TableDocument"},
                "examples": {
                    "columns": {
                        "value": {"columns": {"county": ["AITKIN", "ANOKA"], "radon": [2.2, None]}}
                    },
                    "rows": {"value": {"rows": _ROWS}},
                },
            },
            MULTIPART: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}

UPLOAD_OR_SUMMARY: Final = {
    "requestBody": {
        **UPLOAD["requestBody"],
        "content": {
            **UPLOAD["requestBody"]["content"],
            Form.JSON.value: {
                "schema": {
                    "anyOf": [
                        {"$ref": "#/components/schemas/TableDocument"},
                        {"$ref": "#/components/schemas/ReferenceDocument"},
                    ]
                },
                "examples": {
                    **UPLOAD["requestBody"]["content"][Form.JSON.value]["examples"],
                    "reference": {"value": REFERENCE},
                },
            },
            summaries.JSON: {"schema": {"type": "object"}, "example": SUMMARY},
            summaries.ARROW: _BINARY,
        },
    }
}

LINKS: Final = {
    operation: {"operationId": operation, "parameters": {"dataset": "$response.body#/id"}}
    for operation in ("read_dataset", "dataset_rows", "append_part", "delete_dataset")
}

Name = Annotated[
    str | None,
    Query(
        description="A name for the dataset: letters, digits, `.`, `_` and `-`, not starting with "
        "`ds_`.",
        examples=["minnesota-radon"],
        json_schema_extra={"pattern": NAME_PATTERN},
    ),
]
Missing = Annotated[
    list[Annotated[str, Field(max_length=Caps().name_characters)]] | None,
    Query(
        description="A word for a missing cell; repeat it for several. Given, these replace the "
        "default and count in every column. By default CSV and TSV have "
        + ", ".join(f"`{word}`" for word in MISSING_WORDS if word)
        + " in columns of numbers and booleans, and the empty cell everywhere; other forms have "
        "null.",
        max_length=REQUEST.missing_words,
    ),
]
Text = Annotated[
    list[Annotated[str, Field(max_length=Caps().name_characters)]] | None,
    Query(
        description="A column to keep as text whatever it looks like; repeat it for several.",
        max_length=REQUEST.text_columns,
    ),
]
