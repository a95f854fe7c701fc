"""The recipe: what a data set is made of, from one YAML file to checked objects.

The recipe is the only configuration of the data; environment variables only say where things are. Here: the shape of
a recipe and what each key means. Not here: reading YAML and wording errors (recipe_file.py), or acting on a recipe.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, create_model, model_validator

from unicorn_assets.graph import TASK_NAMES, TASKS
from unicorn_assets.ids import digest
from unicorn_assets.llm.settings import Accept, LlmSettings, Sampling
from unicorn_assets.recipe_parts import Blind, Judge, Language, Name, Section, Share
from unicorn_assets.recipe_representation import Comparison, Drift, Encoder, ImageReference, NearDuplicates, Transfer


class Columns(Section):
    """Which columns of a CSV, JSONL or Parquet source hold what."""

    text: str = "text"  # column of the seed text
    domain: str | None = None  # column of the domain
    label: str | None = None  # column of the class label


class Source(Section):
    """Seeds from files (`path`), or made from `labels` and `templates`. What is read how: docs/sources.md."""

    name: Name  # lower case, digits, hyphens; shards are named after it
    path: str | None = None  # file, folder or pattern of files of seeds, relative to the recipe, or s3://
    format: Literal["text", "jsonl", "csv", "parquet"] | None = None  # None: by the file's ending
    columns: Columns = Columns()  # column mapping of CSV, JSONL and Parquet
    encoding: str = "utf-8"  # of text, JSONL and CSV files; a UTF-8 byte order mark in the file wins
    license: str = ""  # of the texts, for the cards; empty: "not stated"
    language: Language | None = None  # of its seeds and their captions, such as es; None: the recipe's
    domain: str = "open"  # domain of all seeds, unless a column says it
    labels: str | None = None  # text file, one class label a line
    templates: str | None = None  # text file, one template with {label} a line
    templates_per_label: Annotated[int, Field(ge=1)] = 10  # drawn for each label by a hash of label and template
    max_rows: Annotated[int, Field(ge=1)] | None = None  # only the first rows, for trying out

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.path is None) == (self.labels is None):
            raise ValueError(f"source {self.name!r} needs either 'path', or 'labels' and 'templates'")
        if (self.labels is None) != (self.templates is None):
            raise ValueError(f"source {self.name!r} needs 'labels' and 'templates' together")
        return self


NO_TEXT = (
    "nan", "null", "none", "nil", "n/a", "n.a", "na", "nat", "undefined", "not available", "not applicable",
    "no caption", "[deleted]", "[removed]", "#ref!", "#value!", "#name?", "#div/0!", "#num!", "[object object]",
)  # fmt: skip
"""Words that programs and people write where there is no text."""


class SeedGates(Section):
    """Which seeds are set aside; more reasons in docs/sources.md."""

    min_chars: Annotated[int, Field(ge=1)] = 3  # shorter seeds are refused
    max_chars: Annotated[int, Field(ge=1)] = 2000  # longer seeds are refused
    no_text: tuple[str, ...] = NO_TEXT  # refused as a whole text, in any case or brackets; so is punctuation; [] keeps


class CaptionGates(Section):
    """Which drafts are refused in stage 1. Words are separated by white space."""

    strict: bool = False  # rules for what small models do, which cost good text too; set by the recipe's `gates: small`
    min_words: Annotated[int, Field(ge=1)] = 30  # shorter captions are refused
    max_words: Annotated[int, Field(ge=1)] = 250  # longer captions are refused
    min_seed_overlap: Share = 0.34  # share of the seed's content words that must return in the caption
    max_repeated_trigrams: Share = 0.2  # share of word 3-grams that occur more than once
    max_faulty_sentences: Share = 0.34  # faulty sentences after the first are cut out; more than this share refuses all
    max_sentences: Annotated[int, Field(ge=1)] = 40  # good sentences beyond this number are cut off


class Captions(Section):
    """Stage 1: one caption per seed."""

    prompt: str = "dense"  # dense, short (for small models), or the path of your own .md file
    sampling: Sampling = Sampling(max_tokens=800)
    gates: CaptionGates = CaptionGates()
    accept: Accept | None = None  # share, more_drafts, exact: docs/quarantine.md


class ItemColumns(Section):
    """Which columns of a benchmark's file hold what; all others, such as images, are not read."""

    texts: tuple[str, ...] = ("question",)  # each is looked for by itself: the question, a caption
    options: tuple[str, ...] = ()  # one column with a list, or one for each option
    id: str | None = None  # column of the item's id; None: its number in the file


class Benchmark(Section):
    """Items that a model will be tested with; what holds one is refused as `leaked` (docs/leaks.md)."""

    name: Name  # for reports
    path: str  # a file of yours, relative to the recipe, or s3://
    format: Literal["jsonl", "csv", "tsv", "parquet"] | None = None  # None: by the file's ending
    columns: ItemColumns = ItemColumns()


class InstructionGates(Section):
    """Which pairs are refused in stage 2; a record with fewer than `min_pairs` good pairs is quarantined."""

    strict: bool = (
        False  # rules for what small models do, which cost good pairs too; set by the recipe's `gates: small`
    )
    min_pairs: Annotated[int, Field(ge=1)] = 6  # good pairs that a record needs
    max_pairs: Annotated[int, Field(ge=1)] = 8  # pairs that the model may write
    # Pairs the model must write at least. None: two above min_pairs, so that one bad pair costs no record
    min_asked: Annotated[int, Field(ge=1)] | None = None
    min_grounding: Share = 0.5  # share of the answer's content words that the caption must hold
    # strict only: share of the question's content words that one sentence must hold beside the answer; 1.0 means one
    # clause, and no questions such as 'What is the table?'.
    min_alignment: Share = 0.5
    max_question_chars: Annotated[int, Field(ge=20, le=600)] = 300  # a schema limit: the model cannot write more
    max_answer_chars: Annotated[int, Field(ge=10, le=600)] = 500  # likewise, for an answer, an option or a step
    extractive: bool = False  # for small models: the steps of a solution are sentences of the caption
    max_option_ratio: Annotated[float, Field(ge=1)] = 3.0  # words of the longest option over those of the shortest

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.min_pairs <= (self.min_asked or self.min_pairs) <= self.max_pairs:
            raise ValueError("gates need min_pairs <= min_asked <= max_pairs")
        return self

    @property
    def asked(self) -> int:
        """Pairs that the model must write at least."""
        return self.min_asked or min(self.min_pairs + 2, self.max_pairs)


class TaskSettings(Section):
    """One kind of instruction: its share among the tasks, its prompt and its gates."""

    weight: Annotated[float, Field(ge=0)] = 1.0  # share among the tasks is weight over the sum of weights
    prompt: str | None = None  # None: the task's own; <task>_small for small models; or the path of your own .md file
    sampling: Sampling = Sampling(max_tokens=2000)
    gates: InstructionGates = InstructionGates()
    accept: Accept | None = None  # of the captions with this task; docs/quarantine.md


class MultipleChoice(TaskSettings):
    """Questions with four options, one of them right."""

    options_prompt: str | None = None  # wrong_options_small: a second request for the wrong options
    options_sampling: Sampling = Sampling(max_tokens=200)


class ReasoningGates(InstructionGates):
    """A few problems suffice: each has a solution in several steps."""

    min_pairs: Annotated[int, Field(ge=1)] = 2
    max_pairs: Annotated[int, Field(ge=1)] = 4
    max_steps: Annotated[int, Field(ge=2, le=8)] = 6  # of a solution


class ComplexReasoning(TaskSettings):
    """Problems with solutions step by step."""

    gates: ReasoningGates = ReasoningGates()


class SharedInstructions(Section):
    """Stage 2: `share` of the captions get one task each, drawn by weight from a seed of the caption."""

    share: Share = 0.38  # of the captions that get a task
    blind: Blind | None = None  # `blind: {}` asks each question again without the caption
    judge: Judge | None = None  # `judge: {}` has each pair marked

    def task(self, name: str) -> TaskSettings:
        """The settings of one task."""
        found: TaskSettings = getattr(self, name)
        return found

    def shares(self) -> dict[str, float]:
        """How likely a caption is drawn for each task; zeros when no task has a weight."""
        weights = {name: self.task(name).weight for name in TASK_NAMES}
        total = sum(weights.values())
        return {name: self.share * weight / total if total else 0.0 for name, weight in weights.items()}


OWN_KEYS: dict[str, type[TaskSettings]] = {"multiple_choice": MultipleChoice, "complex_reasoning": ComplexReasoning}
"""Tasks with keys of their own; the others have those of TaskSettings."""


def _section_of(name: str, weight: float, about: str) -> tuple[type[TaskSettings], TaskSettings]:
    """A section with the task's weight as its default, and the value for recipes that do not name it."""
    base = OWN_KEYS.get(name, TaskSettings)
    doc = base.__doc__ if base is not TaskSettings else f"{about}."
    title = "".join(part.title() for part in name.split("_"))
    make: Any = create_model
    section = make(title, __base__=base, __doc__=doc, weight=(Annotated[float, Field(ge=0)], weight))
    return section, section()


if TYPE_CHECKING:
    Instructions = SharedInstructions
else:
    _sections: Any = {task.name: _section_of(task.name, task.weight, task.about) for task in TASKS}
    Instructions = create_model(
        "Instructions", __base__=SharedInstructions, __doc__=SharedInstructions.__doc__, **_sections
    )


class Thresholds(Section):
    """Where asset checks fail; each is a share or a distance in the unit of the check's description."""

    min_accepted_captions: Share = 0.5  # accepted share of a shard's seeds, warns below
    max_letter_share: Share = 0.4  # of the most frequent multiple choice letter, over at least 60 questions
    max_near_duplicates: Share = 0.2
    max_truncated: Share = 0.05  # captions longer than the encoder's window
    max_task_share_error: Share = 0.1  # distance between wanted and drawn shares of the tasks
    max_gap_after: Annotated[float, Field(ge=0)] = 0.2  # centroid distance after transfer; blocks
    min_neighbour_overlap: Share = 0.5  # of a text's 20 nearest texts that stay; full whitening keeps 0.1; blocks
    max_separability_after: Share = 0.9  # accuracy of a linear probe, text against image; 0.5 is mixed; warns
    max_relative_gap_after: Share = 0.5  # 0.5: a text is as far from its image as strangers of one side are; warns
    max_recall_loss: Share = 0.1  # recall@10 before less after, text to image or back; warns
    min_source_cosine: Annotated[float, Field(ge=-1, le=1)] | None = None  # of a text before and after
    max_paired_cosine_loss: Annotated[float, Field(ge=0)] | None = None  # of pairs, before less after


class Release(Section):
    """How the releases are presented."""

    title: str = ""  # of the cards
    license: str = (
        "unknown: say in the recipe under release.license"  # of the data set; depends on your seeds and model
    )
    notes: str = ""  # known limits, for the cards


_FEW_PAIRS: dict[str, Any] = {"min_pairs": 1, "max_pairs": 2, "min_alignment": 1.0, "strict": True}
SMALL: dict[str, dict[str, Any]] = {
    "captions": {"strict": True, "max_faulty_sentences": 0.7, "max_sentences": 2},
    "multiple_choice": {**_FEW_PAIRS, "min_asked": 2, "min_grounding": 1.0},
    "question_answering": {**_FEW_PAIRS, "min_asked": 2, "min_grounding": 0.8},
    "complex_reasoning": {
        **_FEW_PAIRS,
        "max_pairs": 1,
        "min_asked": 1,
        "max_steps": 2,
        "extractive": True,
        "min_grounding": 1.0,
    },
}
"""What `gates: small` sets where a recipe says nothing else: for models of some hundred million parameters."""


NO_DATA: Any = {"instructions": {"judge": {"budget"}}}
"""Keys outside of `llm` that decide how much is asked, and nothing of what is made of it: no version holds them."""


class Recipe(Section):
    """Everything that determines the data."""

    name: Name  # of the data set; a lake holds one
    about: str = ""  # one line for people
    shard_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 4000  # seeds per shard, the unit of work and of loss
    sources: Annotated[list[Source], Field(min_length=1)]
    language: Language = "en"  # of all texts; for others than English some gates are off (docs/gates.md)
    seeds: SeedGates = SeedGates()
    llm: LlmSettings
    gates: Literal["strong", "small"] = "strong"  # which model they are meant for; docs/gates.md has their figures
    captions: Captions = Captions()
    near_duplicates: NearDuplicates = NearDuplicates()
    drift: Drift | None = None  # None: off
    benchmarks: tuple[Benchmark, ...] = ()  # that captions and pairs must not hold; none comes with the package
    instructions: Instructions = Instructions()
    encoder: Encoder = Encoder()
    image_reference: ImageReference = ImageReference()
    transfer: Transfer = Transfer()
    checks: Thresholds = Thresholds()
    release: Release = Release()

    _folder: Path = PrivateAttr(default_factory=Path)

    @model_validator(mode="before")
    @classmethod
    def _gates_of_profile(cls, data: Any) -> Any:
        """The profile's numbers below those that the recipe gives."""
        if not isinstance(data, dict) or data.get("gates") != "small":
            return data
        if not isinstance(data.get("instructions") or {}, dict):
            return data  # not a section: the error is told of what the recipe says
        found = dict(data)
        for name, gates in SMALL.items():
            inside = found
            if name != "captions":
                inside = found["instructions"] = dict(found.get("instructions") or {})
            section = inside.get(name) or {}
            if not isinstance(section, dict) or not isinstance(section.get("gates") or {}, dict):
                return data
            inside[name] = {**section, "gates": {**gates, **(section.get("gates") or {})}}
        return found

    @model_validator(mode="after")
    def _unlike_names(self) -> Self:
        names = [source.name for source in self.sources]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"source name {twice[0]!r} is used twice; names become partition keys and must differ")
        icons = self.encoder.kind == "pocket" and self.encoder.width != "photo"
        if not icons and self.image_reference.kind == "pocket":
            raise ValueError(
                "image_reference kind 'pocket' belongs to the pocket encoder; give images or vectors of this encoder"
            )
        return self

    @model_validator(mode="after")
    def _judge_can_keep_to_its_budget(self) -> Self:
        judge = self.instructions.judge
        if judge is None or judge.budget is None:
            return self
        if judge.budget.usd is not None and self.llm.price is None:
            raise ValueError(
                "instructions.judge.budget.usd needs a price: give `llm.price` with prompt and completion (USD per "
                "million)"
            )
        if "max_tokens" in self.llm.wire.omit:
            raise ValueError(
                "llm.wire.omit leaves out max_tokens, without which instructions.judge.budget cannot hold: rename it "
                "instead"
            )
        return self

    @model_validator(mode="after")
    def _read_by_an_encoder_that_can(self) -> Self:
        of_drift = self.drift is not None and (self.drift.encoder or self.encoder).kind == "pocket"
        repeats = self.near_duplicates
        of_repeats = repeats.cosine is not None and (repeats.encoder or self.encoder).kind == "pocket"
        if not (of_drift or of_repeats):
            return self
        others = {source.name: language for source in self.sources
                  if (language := source.language or self.language).partition("-")[0] != "en"}  # fmt: skip
        if others:
            name, language = next(iter(others.items()))
            if not of_drift:
                raise ValueError(
                    f"near_duplicates.cosine: the pocket encoder reads English, and source {name!r} is {language!r}; "
                    "give near_duplicates.encoder a model that reads it, or leave cosine out"
                )
            raise ValueError(
                f"drift: the pocket encoder reads English, and source {name!r} is {language!r}; give drift.encoder a "
                "model that reads it, or leave drift out"
            )
        return self

    @property
    def folder(self) -> Path:
        """Where relative paths of the recipe start: the folder of its file."""
        return self._folder

    def locate(self, path: str) -> str:
        """A path of the recipe as something that can be opened: URLs as they are, others from the recipe's folder."""
        if "://" in path or "\0" in path:  # nothing has such a name: opening it says so
            return path
        return os.path.realpath(self._folder / path)  # and not Path.resolve, which raises for links in a circle

    def read_for(self, texts: Comparison) -> Self:
        """This recipe with the encoder that reads those texts as its own."""
        return self.model_copy(update={"encoder": texts.reader(self.encoder)})

    def language_of(self, source: str | None) -> str:
        """Of a source's texts."""
        return next((one.language for one in self.sources if one.name == source and one.language), self.language)

    def section_hash(self, *names: str) -> str:
        """Hash of some sections, for code versions: editing one section leaves the others' data current."""
        plain = self.model_dump(mode="json", exclude=NO_DATA)
        return digest({name: plain[name] for name in names}, 8)
