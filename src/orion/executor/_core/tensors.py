"""Torch's tensors in pickles, as numpy's arrays: torch itself copies them into the pickle."""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
from collections import ChainMap
from collections.abc import Callable
from typing import Any

__all__ = ["aware", "dumps_aware"]

Callback = Callable[[pickle.PickleBuffer], Any] | None


def dumps_aware(obj: object, protocol: int, callback: Callback) -> bytes:
    """Serialise like ``pickle.dumps``; tensors share their memory with out-of-band buffers."""
    torch = sys.modules.get("torch")
    if torch is None or callback is None:
        return pickle.dumps(obj, protocol, buffer_callback=callback)
    file = io.BytesIO()
    aware(pickle.Pickler(file, protocol, buffer_callback=callback), copyreg.dispatch_table).dump(obj)
    return file.getvalue()


def aware(pickler: Any, known: Any) -> Any:
    """Have a pickler, which knows other types by ``known``, take tensors as arrays, if there can be any."""
    tensor = getattr(sys.modules.get("torch"), "Tensor", None)
    if tensor is not None:
        pickler.dispatch_table = ChainMap({tensor: _reduced}, known)
    return pickler


def _reduced(tensor: Any) -> tuple[Any, ...]:
    # Plain ones only: what is a view of something larger, or has a history, or more to it, is torch's to pickle.
    if (
        tensor.device.type == "cpu"
        and tensor.is_contiguous()
        and not (tensor.requires_grad or tensor.is_conj() or tensor.is_neg() or tensor.__dict__)
        and tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
    ):
        try:
            return _tensor, (tensor.numpy(),)
        except (TypeError, RuntimeError):  # numpy has no such type, or it is a special layout
            pass
    reduced: tuple[Any, ...] = tensor.__reduce_ex__(2)
    return reduced


def _tensor(array: Any) -> Any:
    import torch

    return torch.from_numpy(array)
