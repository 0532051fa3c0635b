"""Whether the examples of AsyncAPI, and what the router's tests hold of each type of message, fit the published schemas."""

import json
import pathlib
import sys

import yaml
from jsonschema import Draft202012Validator as Validator

root = pathlib.Path(sys.argv[1])
problems = []


def check(name, schema, document):
    for error in Validator(schema, format_checker=Validator.FORMAT_CHECKER).iter_errors(document):
        problems.append(f"{name}: {'/'.join(map(str, error.absolute_path))}: {error.message}")


def read(path):
    return json.loads((root / path).read_text())


messages = yaml.safe_load((root / "proto/asyncapi.yaml").read_text())["components"]["messages"]
examples = [(example, message) for message in messages.values() for example in message["examples"]]
for example, message in examples:
    check(example["name"], read(pathlib.Path("proto") / message["payload"]["$ref"]), example["payload"])

data = read("proto/team-message.schema.json")["properties"]["data"]
of_each_type = sorted((root / "crates/router/tests/golden").glob("*.json"))
for path in of_each_type:
    check(path.stem, data["properties"]["message"], json.loads(path.read_text())["message"])

print(f"{len(examples)} examples and {len(of_each_type)} messages")
if problems or not examples or not of_each_type:
    sys.exit("\n".join(problems) or "nothing was checked")
