"""Writes docs/api.md: the description of the API as Markdown, for people."""

import json
from collections.abc import Iterator
from typing import Any

from wholebody.serving.openapi import describe_api


def render_api() -> str:
    """The whole page."""
    document = describe_api()
    return "\n".join([*_head(document), *_paths(document), *_schemas(document)]).rstrip() + "\n"


def _head(document: dict[str, Any]) -> Iterator[str]:
    yield "# API"
    yield ""
    yield document["info"]["description"]
    yield ""
    yield "This page is written by `make docs` from the OpenAPI description that the backend serves at `/openapi.json`."
    yield ""


def _paths(document: dict[str, Any]) -> Iterator[str]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"## {method.upper()} {path}"
            yield ""
            yield f"{operation['summary']}. {operation.get('description', '')}".strip()
            yield ""
            body = operation.get("requestBody")
            if body:
                schema = body["content"]["application/json"]["schema"]
                yield f"Body: {_type(schema) if isinstance(schema, dict) else 'anything'}"
                yield ""
            yield "| Status | Body | When |"
            yield "|---|---|---|"
            for status, response in operation["responses"].items():
                response = _resolved(document, response)
                ((kind, content),) = response["content"].items()
                shown = _type(content["schema"]) if kind == "application/json" else f"`{kind}`"
                yield f"| {status} | {shown} | {_cell(response['description'])} |"
            yield ""


def _schemas(document: dict[str, Any]) -> Iterator[str]:
    yield "## Bodies"
    yield ""
    for name, schema in document["components"]["schemas"].items():
        yield f"### {name}"
        yield ""
        yield schema["description"]
        yield ""
        if schema.get("type") == "object":
            yield from _fields(schema)
            yield ""


def _fields(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    if not prefix:
        yield "| Field | Type | What it is |"
        yield "|---|---|---|"
    for name, field in schema["properties"].items():
        needed = "" if name in schema.get("required", ()) else " May be left out."
        yield f"| `{prefix}{name}` | {_cell(_type(field))} | {_cell(field.get('description', ''))}{needed} |"
        if "properties" in field:
            yield from _fields(field, f"{prefix}{name}.")


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    kinds = schema.get("type", "anything")
    shown = kinds if isinstance(kinds, str) else " or ".join(kinds)
    if shown == "array" and "items" in schema:
        return f"array of {_type(schema['items'])}"
    if "minimum" in schema and "maximum" in schema:
        return f"{shown}, {schema['minimum']} to {schema['maximum']}"
    return shown


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    _, kind, name = part["$ref"].removeprefix("#/").split("/")
    found: dict[str, Any] = document["components"][kind][name]
    return found


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
