"""What each opset changed about the standard operators, from onnx's own schemas: python3 test/reference/opsets.py

Every operator whose inputs, outputs or attributes differ between two versions by more than additional types, from the
version in force at opset 13 on. Words are not compared: what only the documentation changed is found by reading it.
"""

import collections
import json
import pathlib

import onnx

OLDEST, NEWEST = 13, 23


def attributes(schema):
    return {
        name: (str(attribute.type), attribute.required, onnx.helper.printable_attribute(attribute.default_value))
        for name, attribute in schema.attributes.items()
    }


def ports(schema, ports):
    types = {c.type_param_str: set(c.allowed_type_strs) for c in schema.type_constraints}
    return [(port.option, types.get(port.type_str, {port.type_str})) for port in ports]


def port_changes(word, before, after):
    if len(before) != len(after):
        yield f"{len(before)} {word}s become {len(after)}"
    for index, ((option, types), (new_option, new_types)) in enumerate(zip(before, after)):
        if option != new_option:
            yield f"{word} {index} is {new_option.name}, was {option.name}"
        if types - new_types:
            yield f"{word} {index} lost types"


def changes(before, after):
    old, new = attributes(before), attributes(after)
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield f"attribute {name} is new"
        elif name not in new:
            yield f"attribute {name} is gone"
        elif old[name] != new[name]:
            yield f"attribute {name} has another default or type"
    yield from port_changes("input", ports(before, before.inputs), ports(after, after.inputs))
    yield from port_changes("output", ports(before, before.outputs), ports(after, after.outputs))


schemas = collections.defaultdict(dict)
for schema in onnx.defs.get_all_schemas_with_history():
    if schema.domain == "" and schema.since_version <= NEWEST:
        schemas[schema.name][schema.since_version] = schema

found = []
for name in sorted(schemas):
    versions = sorted(schemas[name])
    versions = [max([v for v in versions if v <= OLDEST], default=versions[0])] + [v for v in versions if v > OLDEST]
    for before, after in zip(versions, versions[1:]):
        differences = list(changes(schemas[name][before], schemas[name][after]))
        if differences:
            found.append({"operator": name, "opset": after, "changes": differences})

table = {"onnx": onnx.__version__, "oldest": OLDEST, "newest": NEWEST, "changes": found}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(table, indent=2) + "\n")
