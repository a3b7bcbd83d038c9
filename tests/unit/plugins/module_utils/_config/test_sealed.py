"""Keys of stores, by files that real servers (2.15.1) have written, and by the test vectors of the ciphers."""

from __future__ import annotations

import struct

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._config import sealed as _sealed

# meta.key of the stream S in the account $G, with the key k1.
CHACHA = bytes.fromhex(
    "29a4b5f21c5ef2fb648142902f58be15ccc91aca275ed291bad6a85e06d969e0224ad459bce06585c56ffdd24c35c825b0548a268d0d2474d1129c36577a8d71"
    "bbd0ab1918289808"
)
AES = bytes.fromhex(
    "f831771874f2f3006a208c0e1134c324ec4d2734db7df950504c7b1c4e145088ee1757247a23a7cb7c5449b598bee5ec9d57a845befe6a4958c924fabb060cac"
)


@pytest.mark.parametrize(("sealed", "cipher"), [(CHACHA, "chacha"), (AES, "aes"), (b"", ""), (AES + b"x", "")])
def test_the_cipher_is_known_by_the_file(sealed: bytes, cipher: str) -> None:
    assert _sealed.cipher_of(sealed) == cipher


@pytest.mark.parametrize("sealed", [CHACHA, AES])
def test_the_key_that_sealed_a_stream_opens_it_and_no_other_does(sealed: bytes) -> None:
    assert _sealed.opens("k1", "$G", "S", sealed)
    others = [("k2", "$G", "S"), ("", "$G", "S"), ("k1", "APP", "S"), ("k1", "$G", "T")]
    assert [_sealed.opens(*names, sealed) for names in others] == [False] * 4
    assert not _sealed.opens("k1", "$G", "S", bytes([sealed[0] ^ 1]) + sealed[1:])


def test_what_no_cipher_made_is_opened_by_no_key() -> None:
    assert not _sealed.opens("k1", "$G", "S", b"")
    assert not _sealed.opens("k1", "$G", "S", b"\0" * 65)


def test_aes_is_that_of_its_standard() -> None:
    """FIPS 197, C.3."""
    made = _sealed._aes(_sealed._round_keys(bytes(range(32))), bytes.fromhex("00112233445566778899aabbccddeeff"))
    assert made.hex() == "8ea2b7ca516745bfeafc49904b496089"


def test_poly1305_is_that_of_its_standard() -> None:
    """RFC 8439, 2.5.2."""
    key = bytes.fromhex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b")
    assert _sealed._poly1305(key, b"Cryptographic Forum Research Group").hex() == "a8061dc1305136c6c22b8baf0c0127a9"


def test_chacha_is_that_of_its_standard() -> None:
    """draft-irtf-cfrg-xchacha, 2.2.1."""
    rounds = _sealed._chacha_rounds(bytes(range(32)), bytes.fromhex("000000090000004a0000000031415927"))
    mixed = struct.pack("<8L", *rounds[:4], *rounds[12:])
    assert mixed.hex() == "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
