"""The loops of kernels.py written down in LLVM's language, and compiled for this processor. Nobody else imports this.

A kernel takes rows, n, d, scales, products, shifts, near, lengths, and the sum or the moved rows: see kernels.py. The
same in numpy is plain_steps.py, and a test holds one against the other.
"""

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from unicorn_assets.errors import UserError

SHORT = 0.01
"""A row that a step leaves shorter than this is left out: lengths from dot products lose digits by its square."""

# What LLVM may do to a sum: add in another order, as vectors do. The order is fixed per processor type and row length.
_FAST = ("reassoc", "contract", "nsz")
_ROWS_AT_ONCE = 4
_NAME = "rows_after_steps"
_TINY = float(np.finfo(float).tiny)


@cache
def _library() -> tuple[Any, Any]:
    """(llvmlite.ir, llvmlite.binding), which take a tenth of a second to import."""
    try:
        from llvmlite import binding, ir
    except ImportError:
        raise UserError(
            "vectors are moved by code that the package llvmlite compiles, and it is not installed",
            "pip install 'unicorn-assets[transfer]'",
        ) from None
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return ir, binding


@cache
def knows_halves() -> bool:
    """Whether the processor converts halves itself. An x86 of before 2012, or a virtual one that hides it, does not."""
    _, binding = _library()
    named = binding.get_default_triple().partition("-")[0] in ("x86_64", "i686", "i386")
    return not named or bool(binding.get_host_cpu_features().get("f16c"))


def compiled(bytes_in: int, bytes_out: int, steps: int) -> tuple[Callable[..., None], Any]:
    """(kernel, what must live as long as it) for numbers of so many bytes in and out, 0 for sums; UserError without
    the package llvmlite.
    """
    ir, binding = _library()
    module = ir.Module("rows")
    _Writer(ir, module, bytes_in, bytes_out, steps).write()
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten(), opt=3
    )
    options = binding.PipelineTuningOptions(speed_level=3)
    options.loop_vectorization = options.loop_interleaving = options.loop_unrolling = True
    passes = binding.create_pass_builder(machine, options)
    parsed = binding.parse_assembly(str(module))
    passes.getModulePassManager().run(parsed, passes)
    engine = binding.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, *[ctypes.c_void_p] * 6)
    return kind(engine.get_function_address(_NAME)), engine  # the code lives as long as its engine


class _Writer:
    """Writes a function in LLVM's language; its loops over the numbers of a row are turned into vectors there."""

    def __init__(self, ir: Any, module: Any, bytes_in: int, bytes_out: int, steps: int) -> None:
        self.ir, self.module, self.steps = ir, module, steps
        self.long, self.double = ir.IntType(64), ir.DoubleType()
        types = {0: self.double, 2: ir.HalfType(), 4: ir.FloatType(), 8: self.double}
        self.type, self.target, self.single = types[bytes_in], types[bytes_out], types[4]
        self.kind = self.single if bytes_in == bytes_out == 2 else self.double
        self.sums = not bytes_out
        matrices = [self.type, self.long, self.long, *[self.double] * 3, self.kind, self.double, self.target]
        arguments = [one if one == self.long else one.as_pointer() for one in matrices]
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), _NAME)
        for one in function.args:
            if one.type != self.long:
                one.add_attribute("noalias")
        self.b = ir.IRBuilder(function.append_basic_block())
        self.rows, self.n, self.d, self.scales, self.products, self.shifts, self.near, self.lengths, self.out = (
            function.args
        )
        self.dots = [self._variable() for _ in range(1 + steps)]

    def write(self) -> None:
        b, many = self.b, self.long(_ROWS_AT_ONCE if self.sums else 1)
        most = b.mul(b.sdiv(self.n, many), many)
        with self._each(most, step=many) as i:
            self._take([b.add(i, self.long(k)) for k in range(many.constant)])
        with self._each(self.n, first=most) as i:
            self._take([i])
        b.ret_void()

    def _take(self, numbers: list[Any]) -> None:
        """Several rows at once, so that the sums are read and written less often."""
        b = self.b
        rows = [(self._place(self.rows, b.mul(i, self.d)), *self._coefficients(i)) for i in numbers]
        with self._each(self.d) as j:
            if self.sums:
                place = self._place(self.out, j)
                value = b.load(place)
            else:
                place = self._place(self.out, b.add(b.mul(numbers[0], self.d), j))
                value = self.kind(0)
            near = [b.load(self._place(self.near, self._index(k, j))) for k in range(self.steps)]
            for row, alpha, beta in rows:
                for factor, number in zip((alpha, *beta), (self._value(row, j, self.kind), *near), strict=True):
                    value = self._multiply_add(factor, number, value)
            # Processors turn doubles into halves by way of singles, and LLVM would call a function that is not there.
            for narrower in (self.single, self.target):
                value = value if value.type in (narrower, self.target) else b.fptrunc(value, narrower)
            b.store(value, place)

    def _coefficients(self, i: Any) -> tuple[Any, list[Any]]:
        """(alpha, beta): row i after the steps is alpha y + beta @ shifts. Its lengths are written down.

        A row's length after a step follows from dot products, so one reading of the row does for all steps.
        """
        b, real = self.b, self.double
        squares, *along = self._dots(self._place(self.rows, b.mul(i, self.d)))
        alpha, beta, least = b.fdiv(real(1), self._root(squares)), list[Any](), real(float("inf"))
        for number, dot in enumerate(along):
            # v has unit length here: |scale v + shift|^2 = scale^2 + 2 scale v.shift + |shift|^2.
            scale = b.load(self._place(self.scales, self.long(number)))
            dot = b.fmul(alpha, dot)
            for before, weight in enumerate(beta):
                dot = b.fadd(dot, b.fmul(weight, self._product(before, number)))
            square = b.fadd(b.fmul(scale, scale), self._product(number, number))
            square = b.fadd(square, b.fmul(b.fmul(real(2), scale), dot))
            length = self._root(b.select(b.fcmp_ordered(">", square, real(_TINY)), square, real(_TINY)))
            least = b.select(b.fcmp_ordered("<", length, least), length, least)
            ratio = b.fdiv(scale, length)
            alpha = b.fmul(alpha, ratio)
            beta = [b.fmul(weight, ratio) for weight in beta] + [b.fdiv(real(1), length)]
        b.store(squares, self._place(self.lengths, i))
        b.store(least, self._place(self.lengths, b.add(self.n, i)))
        good = b.and_(b.fcmp_ordered(">", squares, real(0)), b.fcmp_ordered("<", squares, real(float("inf"))))
        good = b.and_(good, b.fcmp_ordered(">=", least, real(SHORT)))
        factors = [b.select(good, one, real(0)) for one in (alpha, *beta)]
        if self.kind != real:
            factors = [b.fptrunc(one, self.kind) for one in factors]
        return factors[0], factors[1:]

    def _dots(self, row: Any) -> list[Any]:
        """Dot products of a row with itself and with each shift."""
        b = self.b
        for one in self.dots:
            b.store(self.double(0), one)
        with self._each(self.d) as j:
            y = self._value(row, j, self.double)
            others = [y] + [b.load(self._place(self.shifts, self._index(k, j))) for k in range(self.steps)]
            for one, other in zip(self.dots, others, strict=True):
                b.store(self._multiply_add(y, other, b.load(one)), one)
        return [b.load(one) for one in self.dots]

    @contextlib.contextmanager
    def _each(self, end: Any, first: Any = None, step: Any = None) -> Iterator[Any]:
        """for (i = first; i < end; i += step); the block is the loop's body."""
        b, place = self.b, self._variable(self.long)
        b.store(self.long(0) if first is None else first, place)
        test, body, done = (b.append_basic_block() for _ in range(3))
        b.branch(test)
        b.position_at_end(test)
        i = b.load(place)
        b.cbranch(b.icmp_signed("<", i, end), body, done)
        b.position_at_end(body)
        yield i
        b.store(b.add(i, self.long(1) if step is None else step), place)
        b.branch(test)
        b.position_at_end(done)

    def _variable(self, kind: Any = None) -> Any:
        """At the function's start, where LLVM makes registers of variables; in a loop each turn would take stack."""
        with self.b.goto_entry_block():
            return self.b.alloca(kind or self.double)

    def _place(self, start: Any, index: Any) -> Any:
        return self.b.gep(start, [index], inbounds=True)

    def _index(self, row: int, j: Any) -> Any:
        return self.b.add(self.b.mul(self.long(row), self.d), j)

    def _product(self, one: int, other: int) -> Any:
        return self.b.load(self._place(self.products, self.long(one * self.steps + other)))

    def _value(self, row: Any, j: Any, kind: Any) -> Any:
        """One number of the rows, widened; the rows of a file may lie at any address."""
        value = self.b.load(self._place(row, j), align=1)
        return value if value.type == kind else self.b.fpext(value, kind)

    def _root(self, square: Any) -> Any:
        return self.b.call(self.module.declare_intrinsic("llvm.sqrt", [self.double]), [square])

    def _multiply_add(self, one: Any, other: Any, more: Any) -> Any:
        return self.b.fadd(more, self.b.fmul(one, other, flags=_FAST), flags=_FAST)
