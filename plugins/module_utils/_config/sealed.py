# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether a key opens what nats-server has encrypted with one. Pure.

Each stream of an encrypted store has a file meta.key: a nonce, 32 bytes that are sealed, and a tag that only the right key makes.
No server tells which key it runs with, so this is the one way to know, before a stop, that the next start could not read its
store. The tag is all that is computed, and nothing is opened. Python has no ciphers of its own, and a node has nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import Sequence

# By the size of the file: nonces of 24 and of 16 bytes (measured on 2.10.26 to 2.15.1).
CHACHA, AES = "chacha", "aes"
_CIPHERS = {72: CHACHA, 64: AES}
_NONCES = {CHACHA: 24, AES: 16}
_TAG = 16
_WORD = 0xFFFFFFFF


def cipher_of(sealed: bytes) -> str:
    """The cipher that made a file meta.key; empty where it is none that is known."""
    return _CIPHERS.get(len(sealed), "")


def opens(key: str, account: str, stream: str, sealed: bytes) -> bool:
    """Whether this key of the configuration made the file meta.key of a stream."""
    cipher = cipher_of(sealed)
    own = hmac.new(key.encode(), (account + stream).encode(), hashlib.sha256).digest()
    start = _NONCES.get(cipher, 0)
    nonce, text, tag = sealed[:start], sealed[start:-_TAG], sealed[-_TAG:]
    made = {CHACHA: _chacha_tag, AES: _aes_tag}
    return cipher in made and hmac.compare_digest(made[cipher](own, nonce, text), tag)


# XChaCha20-Poly1305 (RFC 8439, and draft-irtf-cfrg-xchacha for the long nonce).


def _chacha_tag(key: bytes, nonce: bytes, text: bytes) -> bytes:
    mixed = _chacha_rounds(key, nonce[:16])
    inner = struct.pack("<8L", *mixed[:4], *mixed[12:])
    start = b"\0" * 8 + nonce[16:]  # a counter of zero, and a nonce that begins with four zeros
    block = [(a + b) & _WORD for a, b in zip(_chacha_rounds(inner, start), _chacha_state(inner, start))]
    return _poly1305(struct.pack("<8L", *block[:8]), _padded(text) + struct.pack("<QQ", 0, len(text)))


def _chacha_state(key: bytes, start: bytes) -> list[int]:
    return [*struct.unpack("<4L", b"expand 32-byte k"), *struct.unpack("<8L", key), *struct.unpack("<4L", start)]


def _chacha_rounds(key: bytes, start: bytes) -> list[int]:
    state = _chacha_state(key, start)
    for _unused in range(10):
        for column in range(4):
            _quarter(state, column, 4 + column, 8 + column, 12 + column)
        for diagonal in range(4):
            _quarter(state, diagonal, 4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4)
    return state


def _quarter(state: list[int], a: int, b: int, c: int, d: int) -> None:
    for one, other, turned, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[one] = (state[one] + state[other]) & _WORD
        mixed = state[turned] ^ state[one]
        state[turned] = ((mixed << by) | (mixed >> (32 - by))) & _WORD


def _poly1305(key: bytes, text: bytes) -> bytes:
    factor = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for start in range(0, len(text), 16):
        total = (total + int.from_bytes(text[start : start + 16] + b"\1", "little")) * factor % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def _padded(text: bytes) -> bytes:
    return text + b"\0" * (-len(text) % 16)


# AES-256-GCM (FIPS 197, NIST SP 800-38D).


def _aes_tag(key: bytes, nonce: bytes, text: bytes) -> bytes:
    keys = _round_keys(key)
    factor = int.from_bytes(_aes(keys, b"\0" * 16), "big")
    start = _ghash(factor, _padded(nonce) + struct.pack(">QQ", 0, 8 * len(nonce)))
    total = _ghash(factor, _padded(text) + struct.pack(">QQ", 0, 8 * len(text)))
    return bytes(a ^ b for a, b in zip(total, _aes(keys, start)))


def _ghash(factor: int, text: bytes) -> bytes:
    total = 0
    for start in range(0, len(text), 16):
        total = _gcm_times(total ^ int.from_bytes(text[start : start + 16], "big"), factor)
    return total.to_bytes(16, "big")


def _gcm_times(one: int, other: int) -> int:
    product = 0
    for bit in range(127, -1, -1):
        if one >> bit & 1:
            product ^= other
        other = other >> 1 ^ (0xE1 << 120 if other & 1 else 0)
    return product


def _double(value: int) -> int:
    return (value << 1 ^ (0x11B if value & 0x80 else 0)) & 0xFF


def _s_box() -> list[int]:
    box = [0x63] * 256
    one = inverse = 1
    for _unused in range(255):
        # One walks through all that is not zero by multiplying with 3, the other by dividing by it.
        one = one ^ _double(one)
        for shift in (1, 2, 4):
            inverse = (inverse ^ inverse << shift) & 0xFF
        inverse ^= 0x09 if inverse & 0x80 else 0
        turned = inverse | inverse << 8
        box[one] = (inverse ^ turned >> 7 ^ turned >> 6 ^ turned >> 5 ^ turned >> 4 ^ 0x63) & 0xFF
    return box


_S_BOX = _s_box()


def _round_keys(key: bytes) -> list[bytes]:
    words, constant = [key[start : start + 4] for start in range(0, 32, 4)], 1
    while len(words) < 60:
        word = words[-1]
        if len(words) % 8 == 0:
            word = bytes(_S_BOX[value] for value in word[1:] + word[:1])
            word, constant = bytes([word[0] ^ constant]) + word[1:], _double(constant)
        elif len(words) % 8 == 4:
            word = bytes(_S_BOX[value] for value in word)
        words.append(bytes(a ^ b for a, b in zip(words[-8], word)))
    return [b"".join(words[start : start + 4]) for start in range(0, 60, 4)]


def _aes(keys: Sequence[bytes], block: bytes) -> bytes:
    state = [a ^ b for a, b in zip(block, keys[0])]
    for number, key in enumerate(keys[1:], 1):
        # Substitute, and shift each row by its number: byte 4 * column + row comes from that many columns further on.
        state = [_S_BOX[state[(4 * (place // 4 + place % 4) + place % 4) % 16]] for place in range(16)]
        if number < len(keys) - 1:
            state = [value for start in range(0, 16, 4) for value in _mixed(state[start : start + 4])]
        state = [a ^ b for a, b in zip(state, key)]
    return bytes(state)


def _mixed(column: Sequence[int]) -> list[int]:
    a, b, c, d = column
    every = a ^ b ^ c ^ d
    return [one ^ every ^ _double(one ^ following) for one, following in ((a, b), (b, c), (c, d), (d, a))]
