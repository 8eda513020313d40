"""Whole numbers of 8, 4 or 2 bits between the smallest and the largest element: value ≈ low + code · step."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from splitfed_core.arrays import Array, DType
from splitfed_core.wire.codecs.float_codec import FloatCodec
from splitfed_core.wire.codecs.settings import Settings, one_of

_BLOCK = 1 << 15
"""Elements that are worked on at a time, so that what is in between stays in the cache."""

_WIDE = 1024
_ORDINARY_STEP, _ORDINARY_SIZE = 2.0**-100, 2.0**126
"""Ranges for which float32 is enough to compute with: neither the step nor its inverse nor a sum leaves it."""

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Layout:
    """How the elements of an array lie in a matrix whose rows or columns have a range each.

    Attributes:
        rows, columns: Of the matrix.
        axis: Along which elements share a range: 1 of a row, 0 of a column.
    """

    rows: int
    columns: int
    axis: int

    @property
    def groups(self) -> int:
        """Number of ranges."""
        return self.rows if self.axis == 1 else self.columns

    @property
    def length(self) -> int:
        """Elements that share a range."""
        return self.columns if self.axis == 1 else self.rows

    def spread(self, ends: Array, length: int) -> Array:
        """Shape what each range has one of so that `of_block` fits it to the blocks of that length.

        Of columns it is repeated for every row of a block: NumPy works through two equal shapes in one go.
        """
        return ends[:, None] if self.axis == 1 else np.tile(ends, (self._step(length), 1))

    def of_block(self, spread: Array, across: slice, block: Array) -> Array:
        """Return that part of what was spread which belongs to a block."""
        return spread[across] if self.axis == 1 else spread[: len(block)]

    def blocks(self, length: int) -> Iterator[tuple[slice, int, int]]:
        """Yield rows (columns, where these have the ranges) and a stretch of the axis, so many elements at a time."""
        step = self._step(length)
        across = max(1, _BLOCK // step) if self.axis == 1 else self.columns
        for first in range(0, self.groups, across):
            for start in range(0, length, step):
                yield slice(first, first + across), start, min(start + step, length)

    def _step(self, length: int) -> int:
        """Return how long a stretch is that makes a block."""
        return max(1, min(length, _BLOCK if self.axis == 1 else _BLOCK // self.columns))

    def part(self, matrix: Array, across: slice, start: int, stop: int) -> Array:
        """Return a block of a matrix, or less where it ends."""
        return matrix[across, start:stop] if self.axis == 1 else matrix[start:stop, across]


class Affine(FloatCodec):
    """`bits` bits each, by the range of the tensor, or of each channel (the last axis).

    A range is two float32, its lowest level and the step. Where it has both signs, zero is one of the levels: most of a
    gradient is nearly zero, and would else come back as one wrong number throughout. Codes lie in planes: the first
    part of the elements in the lowest bits of each byte, the next in those above. One element that is not finite makes
    its whole range nan, so that nothing is hidden.
    """

    bits: int
    settings: ClassVar[Settings] = {"per": one_of("tensor", "channel"), "rounding": one_of("nearest", "stochastic")}

    def __init__(self, per: str = "tensor", rounding: str = "nearest") -> None:
        """Quantise by the range of the "tensor", of each "channel" or "example"; round to "nearest" or "stochastic"."""
        self._per = per
        self.random = rounding == "stochastic"

    def layout(self, shape: tuple[int, ...]) -> Layout:
        """Return how an array of this shape is laid out; one with a single axis has one range."""
        elements = prod(shape)
        if self._per == "tensor" or len(shape) < 2 or not elements:
            return Layout(1, elements, axis=1)
        if self._per == "channel":
            return Layout(elements // shape[-1], shape[-1], axis=0)
        return Layout(shape[0], elements // shape[0], axis=1)

    def size(self, shape: tuple[int, ...], itemsize: int) -> int:
        """Return 8 bytes for each range, and the bits of its elements, rounded up to bytes for each range."""
        layout = self.layout(shape)
        return layout.groups * (8 + self._stride(layout)) if prod(shape) else 0

    def pack(self, array: Array, rng: np.random.Generator | None) -> Array:
        """Find the ranges, then the codes.

        Raises:
            ValueError: Stochastic rounding without `rng`.
        """
        if self.random and rng is None:
            raise ValueError(f"{self.name} with stochastic rounding needs a random generator")
        layout = self.layout(array.shape)
        packed = np.empty(self.size(array.shape, 4), np.uint8)
        if array.size:
            values = array.astype("<f4", copy=False).reshape(layout.rows, layout.columns)
            grid, codes = self._split(packed, layout)
            grid[:] = self._grid(_extreme(values, layout, np.minimum), _extreme(values, layout, np.maximum))
            self._quantise(values, layout, grid, codes, rng if self.random else None)
        return packed

    def unpack(self, payload: Array, shape: tuple[int, ...], dtype: DType) -> Array:
        """Read the ranges, then the elements."""
        layout = self.layout(shape)
        values = np.empty((layout.rows, layout.columns), np.float32)
        if values.size:
            self._restore(*self._split(payload, layout), layout, values)
        return values

    def error(self, array: Array) -> Array:
        """Return half a step of its range (a whole one for stochastic rounding), and what float32 arithmetic rounds."""
        layout = self.layout(array.shape)
        if not array.size:
            return array
        values = array.astype(np.float32).astype(np.float64).reshape(layout.rows, layout.columns)
        low, high = values.min(axis=layout.axis), values.max(axis=layout.axis)
        step = self._grid(low, high)[1].astype(np.float64)
        bound = step * (1.0 if self.random else 0.5) + np.maximum(np.abs(low), np.abs(high)) * 2.0**-21 + 2.0**-149
        across = bound[:, None] if layout.axis == 1 else bound
        return np.broadcast_to(across, values.shape).reshape(array.shape)

    @property
    def _top(self) -> int:
        """The highest code."""
        return (1 << self.bits) - 1

    @property
    def _planes(self) -> int:
        """Codes in a byte."""
        return 8 // self.bits

    def _stride(self, layout: Layout) -> int:
        """Bytes of the codes of one range."""
        return -(-layout.length // self._planes)

    def _grid(self, low: Array, high: Array) -> Array:
        """Return the lowest level and the step of each range, in float32.

        A step is rounded up to 16 binary digits: so each level of a range with both signs is a float32, zero above all.
        """
        low, high = low.astype(np.float64), high.astype(np.float64)
        both_signs = (low < 0) & (high > 0) & (np.maximum(-low, high) < _ORDINARY_SIZE)  # or a level could be inf
        # Levels move by at most half a step then: rounding to the nearest does not go further, but drawing would.
        steps = np.where(both_signs, self._top - 1, self._top) if self.random else self._top
        step = _rounded_up((high - low) / steps)
        below = np.divide(-low, step, out=np.zeros_like(low), where=step > 0)
        levels_below = np.clip(np.ceil(below) if self.random else np.rint(below), 0, self._top)
        grid = np.stack([np.where(both_signs, -levels_below * step, low), step])
        grid[:, ~(np.isfinite(low) & np.isfinite(high))] = np.nan
        return grid.astype(np.float32)

    def _split(self, payload: Array, layout: Layout) -> tuple[Array, Array]:
        """Return the lowest levels and the steps of the ranges, and the matrix of the bytes with the codes."""
        head, stride = 8 * layout.groups, self._stride(layout)
        shape = (layout.rows, stride) if layout.axis == 1 else (stride, layout.columns)
        return payload[:head].view("<f4").reshape(2, layout.groups), payload[head:].reshape(shape)

    def _quantise(
        self, values: Array, layout: Layout, grid: Array, codes: Array, rng: np.random.Generator | None
    ) -> None:
        """Fill in the codes: (value - low) ÷ step, rounded; adding 2²³ (2⁵²) leaves that integer in the low bits."""
        stride = codes.shape[layout.axis]
        kind, low, step = self._arithmetic(grid)
        magic, whole = (kind(2.0**23), np.uint32) if kind is np.float32 else (kind(2.0**52), np.uint64)
        inverse = np.divide(1, step, out=np.zeros_like(step), where=step != 0)
        low, inverse = layout.spread(low, stride), layout.spread(inverse, stride)
        for across, start, stop in layout.blocks(stride):
            target = layout.part(codes, across, start, stop)
            for plane in range(self._planes):
                part = layout.part(values, across, start + plane * stride, stop + plane * stride)
                level = np.subtract(part, layout.of_block(low, across, part), dtype=kind)
                level *= layout.of_block(inverse, across, part)
                if rng is not None:
                    level += rng.random(level.shape, dtype=kind)
                    np.floor(level, out=level)
                np.clip(level, 0, self._top, out=level)
                level += magic
                code = level.view(whole).astype(np.uint8)
                if plane:
                    code <<= plane * self.bits
                    layout.part(target, slice(None), 0, code.shape[layout.axis])[...] |= code
                else:
                    target[...] = code

    def _restore(self, grid: Array, codes: Array, layout: Layout, values: Array) -> None:
        """Fill in the values: low + code · step."""
        stride = codes.shape[layout.axis]
        kind, low, step = self._arithmetic(grid)
        low, step = layout.spread(low, stride), layout.spread(step, stride)
        for across, start, stop in layout.blocks(stride):
            packed = layout.part(codes, across, start, stop)
            for plane in range(self._planes):
                target = layout.part(values, across, start + plane * stride, stop + plane * stride)
                code = layout.part(packed, slice(None), 0, target.shape[layout.axis])
                if self._planes > 1:
                    code = (code >> plane * self.bits) & self._top
                level = target if kind is np.float32 else np.empty(target.shape, kind)
                np.copyto(level, code)
                level *= layout.of_block(step, across, target)
                level += layout.of_block(low, across, target)
                if level is not target:
                    np.copyto(target, np.clip(level, -_LARGEST, _LARGEST), casting="same_kind")

    def _arithmetic(self, grid: Array) -> tuple[type[np.float32] | type[np.float64], Array, Array]:
        """Return in which type to compute, and the lowest levels and steps in it."""
        low, step = grid.astype(np.float64)
        size = np.maximum(np.abs(low), np.abs(low + self._top * step))
        ordinary = ((step == 0) | (step > _ORDINARY_STEP)) & (size < _ORDINARY_SIZE)
        kind = np.float32 if ordinary.all() else np.float64
        return kind, low.astype(kind), step.astype(kind)


def _rounded_up(steps: Array) -> Array:
    """Return the next float32 with 16 binary digits, as float64."""
    single = steps.astype(np.float32)
    bits = np.where(single < steps, np.nextafter(single, np.float32(np.inf)), single).view(np.uint32)
    return ((bits + np.uint32(0xFF)) & np.uint32(0xFFFFFF00)).view(np.float32).astype(np.float64)


def _extreme(values: Array, layout: Layout, reduce: np.ufunc) -> Array:
    """Return the smallest or largest of each range; narrow columns side by side first, which is much faster."""
    if layout.axis == 1:
        return np.asarray(reduce.reduce(values, axis=1))
    fold = max(1, min(_WIDE // layout.columns, layout.rows))
    whole = layout.rows - layout.rows % fold
    wide = reduce.reduce(values[:whole].reshape(-1, fold * layout.columns), axis=0)
    folded = reduce.reduce(wide.reshape(fold, layout.columns), axis=0)
    return np.asarray(reduce.reduce(np.vstack([folded, values[whole:]]), axis=0))


class Int8(Affine):
    """256 levels."""

    name, bits = "int8", 8


class Int4(Affine):
    """16 levels."""

    name, bits = "int4", 4


class Int2(Affine):
    """4 levels."""

    name, bits = "int2", 2
