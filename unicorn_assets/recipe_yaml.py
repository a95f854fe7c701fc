"""From the file of a recipe to plain values, whatever is in that file: bounded in size, depth and repeats.

Only what a recipe can mean passes: texts, finite numbers, true and false, lists, mappings with words as keys. All
else is one line with file, line and key. Not here: which keys there are (recipe.py), or
what is wrong with them (recipe_file.py).
"""

import math
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from unicorn_assets.errors import UserError

MAX_BYTES = 4 << 20
MAX_DEPTH = 40
MAX_VALUES = 50_000
"""Values of a recipe, those counted again that an alias repeats."""
MAX_NUMBER = 10**15
"""No number of a recipe is as large; larger ones would only fail later, somewhere else."""
MAX_TEXT = 200_000

Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A YAML document: its plain values, and where each of them stands."""

    file: Path
    values: dict[str, Any]
    tree: yaml.MappingNode

    def at(self, keys: Keys, words: str, hint: str = "") -> UserError:
        """An error about the value at `keys`."""
        return UserError(f"{self.line(keys)}: {words}", hint)

    def line(self, keys: Keys) -> str:
        """`file:line: key`, for the value at `keys` or the nearest section around it."""
        node: yaml.Node = self.tree
        mark = node.start_mark
        for key in keys:
            pairs: list[tuple[yaml.Node, yaml.Node]] = []
            if isinstance(node, yaml.MappingNode):
                pairs = [(k, v) for k, v in node.value if k.value == str(key)]
            elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                pairs = [(node.value[key], node.value[key])]
            if not pairs:
                break
            mark, node = pairs[0][0].start_mark, pairs[0][1]
        where = ".".join(str(key) for key in keys)[:200]
        return f"{shown(self.file)}:{int(mark.line) + 1}" + (f": {where}" if where else "")


def shown(file: Path) -> str:
    """The path on one line."""
    return " ".join(str(file).splitlines())


def read_document(file: Path, given: str | None = None) -> Document:
    """The recipe in `file`, or of the text `given`, as plain values. UserError for everything that is no recipe."""
    text = _read(file) if given is None else given[:MAX_BYTES]
    try:
        loader = yaml.SafeLoader(text)
        _check_depth(file, text)
        tree = loader.get_single_node()
        if not isinstance(tree, yaml.MappingNode):
            raise UserError(
                f"{shown(file)}: a recipe is a mapping of keys such as name, sources, llm", "see recipes/demo.yaml"
            )
        _check_size(Document(file, {}, tree))
        _check_keys(file, tree)
        values = loader.construct_document(tree)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError, AttributeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{shown(file)}:{mark.line + 1}" if mark else shown(file)
        problem = getattr(error, "problem", None) or (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{where}: not valid YAML: {problem[:300]}") from None
    document = Document(file, values, tree)
    for keys, value in _leaves((), values):
        if words := wrong(value):
            raise document.at(keys, words)
    return document


def _read(file: Path) -> str:
    hint = "give the path of a YAML file, such as recipes/demo.yaml"
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise UserError(f"cannot read recipe {shown(file)}: it is no file", hint)
        if found.st_size > MAX_BYTES:
            raise UserError(
                f"recipe {shown(file)} has {found.st_size:,} bytes; a recipe has at most {MAX_BYTES:,}", hint
            )
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        return raw[:MAX_BYTES].decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"there is no recipe {shown(file)}", hint) from None
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise UserError(f"cannot read recipe {shown(file)}: {words}", "a recipe is a UTF-8 text file in YAML") from None


def _check_depth(file: Path, text: str) -> None:
    """The parser's events come one by one, so that thousands of brackets are seen before anything recurses."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise UserError(f"{shown(file)}:{line}: not valid YAML: more than {MAX_DEPTH} levels within each other")


def _check_size(document: Document) -> None:
    """How many values the tree has when its aliases are written out; an alias must not hold itself."""
    sizes: dict[int, int] = {}

    def size(keys: Keys, node: yaml.Node) -> int:
        if id(node) in sizes:
            if not sizes[id(node)]:
                raise document.at(keys, "this value holds itself by an alias")
            return sizes[id(node)]
        sizes[id(node)] = 0
        found = 1 + sum(size((*keys, *key), child) for key, child in _children(node))
        if found > MAX_VALUES:
            raise document.at(keys, f"more than {MAX_VALUES:,} values (aliases repeat them)")
        sizes[id(node)] = found
        return found

    size((), document.tree)


def _children(node: yaml.Node) -> list[tuple[Keys, yaml.Node]]:
    """The nodes within a node: keys themselves without a name, values and entries under theirs."""
    if isinstance(node, yaml.MappingNode):
        return [((), key) for key, _ in node.value] + [((str(key.value)[:100],), value) for key, value in node.value]
    return [((index,), entry) for index, entry in enumerate(node.value)] if isinstance(node, yaml.SequenceNode) else []


def _check_keys(file: Path, tree: yaml.Node) -> None:
    """YAML keeps the last of two equal keys without a word; here it is an error, and so is a key that is no word."""
    waiting, done = [(tree, _KEYS, _KEYS)], set[int]()
    while waiting:
        node, kinds, below = waiting.pop()
        if id(node) in done:  # an alias
            continue
        done.add(id(node))
        first: dict[str, int] = {}
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag not in kinds:
                told = f"{key.value!r:.60}" if isinstance(key, yaml.ScalarNode) else "a list or mapping"
                raise UserError(f"{shown(file)}:{line}: {told} is no key; write keys as words, or in quotes")
            if key.value in first:
                raise UserError(
                    f"{shown(file)}:{line}: key {key.value!r:.200} is given twice, first in line {first[key.value]}"
                )
            first[key.value] = line
        waiting += [(child, below, _SENT_KEYS if "extra" in keys else below) for keys, child in _children(node)]


_KEYS = frozenset(("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"))
_SENT_KEYS = _KEYS | {"tag:yaml.org,2002:int"}
"""Within the values of `extra`, which are sent to a server: logit_bias has the numbers of tokens for keys."""


def _leaves(keys: Keys, value: Any) -> Iterator[tuple[Keys, Any]]:
    """Every key, and every value that is neither a mapping nor a list."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield (*keys, key), key
            yield from _leaves((*keys, key), each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _leaves((*keys, index), each)
    else:
        yield keys, value


def wrong(value: Any) -> str | None:
    """What is wrong with a single value, in words."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        if "\0" in value:
            return "the text has a NUL character"
        if any("\ud800" <= character <= "\udfff" for character in value):
            return "the text has half of a character (a lone surrogate)"
        return f"the text has more than {MAX_TEXT:,} characters" if len(value) > MAX_TEXT else None
    if isinstance(value, int | float):
        if isinstance(value, float) and not math.isfinite(value):
            return f"{value} is no number that can be used here"
        return f"the number is too large; at most {MAX_NUMBER:,}" if abs(value) > MAX_NUMBER else None
    kinds = {"date": "a date", "datetime": "a time", "set": "a set", "bytes": "binary data"}
    return f"{kinds.get(type(value).__name__, type(value).__name__)} means nothing here; write texts in quotes"
