"""Problems with solutions in steps."""

from unicorn_assets.instructions.complex_reasoning.answer import Problem, by_caption, limit
from unicorn_assets.instructions.complex_reasoning.gates import problem_fault
from unicorn_assets.instructions.rules import Finished, Rules


def finish(problem: Problem, caption_id: str) -> Finished:  # noqa: ARG001 - nothing is drawn
    """Steps with numbers, and the answer below them."""
    steps = [f"Step {number}: {step}" for number, step in enumerate(problem.steps, 1)]
    return {"question": problem.question, "options": None, "answer": "\n".join([*steps, f"Answer: {problem.answer}"])}


RULES = Rules(Problem, problem_fault, finish=finish, limit=limit, by_caption=by_caption)
