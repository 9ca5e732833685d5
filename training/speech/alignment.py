"""Phone times of speech whose text is known, by forced alignment with a network that already recognises phonemes.

A Viterbi search over the text's phoneme classes from left to right, a pause allowed after every phone
(Rabiner 1989, "A Tutorial on Hidden Markov Models and Selected Applications in Speech Recognition").
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from export.networks.speech_to_lips import SpeechToLips
from training.speech.phones import RATE, SILENCE, Phone, classes_of
from training.speech.synthesis import espeak

Numbers = npt.NDArray[np.int64]

SHORTEST = 2
"""Instants that a class lasts at least."""
SHORTEST_PAUSE, PAUSE_COST = 6, 6.0
"""Instants that a pause lasts at least, and what one within the sentence costs, in nats."""
PRIOR_SHARE = 0.7
"""How much of the classes' own frequency is taken out of the network's probabilities."""
PAUSE = -1


def phones_of(text: str, voice: str) -> list[str]:
    """IPA symbols of a text as espeak-ng reads it, in order and without pauses."""
    said = espeak().say(text, voice)
    return [phone.symbol for phone in said.phones if classes_of(phone.symbol)] if said else []


@torch.no_grad()
def align(network: SpeechToLips, audio: npt.NDArray[np.float32], symbols: Sequence[str]) -> tuple[list[Phone], float]:
    """Phones and pauses of float32 [samples] at 16 kHz from its start to its end, and the mean score of an instant.

    symbols: the phones said, in order. The score is in nats over what is expected of any speech; a low one points to
    other words. Raises ValueError where there are no phones, or more than fit in.
    """
    predicted = network(torch.from_numpy(audio)[None]).phonemes[0].log_softmax(dim=1).numpy()
    score = predicted - PRIOR_SHARE * np.log(np.exp(predicted).mean(axis=0) + 1e-3)
    kinds, owner, cost, skip = _chain(symbols)
    if not symbols or len(score) < (owner != PAUSE).sum():
        raise ValueError(f"{len(symbols)} phones do not fit into {len(score) / RATE:.1f} s")
    here = np.arange(len(kinds))
    sources = np.stack([here, here - 1, skip])
    costs = np.stack([np.zeros(len(kinds)), cost, np.where(skip >= 0, 0, np.inf)])
    reached = np.full(len(kinds), -np.inf)
    reached[[0, SHORTEST_PAUSE]] = 0
    reached += score[0, kinds]
    came = np.zeros((len(score), len(kinds)), np.int64)
    for instant in range(1, len(score)):
        ways = reached[sources] - costs
        best = ways.argmax(axis=0)
        came[instant] = sources[best, here]
        reached = ways[best, here] + score[instant, kinds]
    state = max(len(kinds) - 1, len(kinds) - 1 - SHORTEST_PAUSE, key=lambda last: reached[last])
    mean = float(reached[state]) / len(score)
    path = [state]
    for instant in range(len(score) - 1, 0, -1):
        path.append(came[instant, path[-1]])
    who = owner[path[::-1]]
    edges = np.concatenate([[0], np.flatnonzero(np.diff(who)) + 1, [len(who)]])
    return [
        Phone("" if who[first] == PAUSE else symbols[who[first]], float(first / RATE), float(last / RATE))
        for first, last in pairwise(edges)
    ], mean


def _chain(symbols: Sequence[str]) -> tuple[Numbers, Numbers, npt.NDArray[np.float64], Numbers]:
    """States from left to right: class, phone it belongs to, cost of coming from the left, and the state that may be
    before it besides (-1: none), which leaves a pause out."""
    kinds, owner = [SILENCE] * SHORTEST_PAUSE, [PAUSE] * SHORTEST_PAUSE
    pauses, starts = [], []
    for index, symbol in enumerate(symbols):
        starts.append(len(kinds))
        for kind in classes_of(symbol):
            kinds += [kind] * SHORTEST
            owner += [index] * SHORTEST
        pauses.append(len(kinds))
        kinds += [SILENCE] * SHORTEST_PAUSE
        owner += [PAUSE] * SHORTEST_PAUSE
    cost, skip = np.zeros(len(kinds)), np.full(len(kinds), -1)
    cost[0] = np.inf
    cost[pauses[:-1]] = PAUSE_COST
    skip[starts[1:]] = np.array(starts[1:], int) - SHORTEST_PAUSE - 1
    return np.array(kinds), np.array(owner), cost, skip
