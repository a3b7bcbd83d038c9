"""Archives of releases, and lists of hashes, as a mirror may serve them."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile

from hypothesis import strategies as st

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import binary as _binary
from ansible_collections.natsops.cluster.plugins.module_utils._artifact.proofs import Proofs
from tests.fuzz.harness import SCRATCH, fuzz
from tests.fuzz.inputs import changed_bytes
from tests.unit.releases import NEW, script


def _tar(form: int, *names: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(script(NEW)), 0o755
            tar.addfile(member, io.BytesIO(script(NEW)))
    return packed.getvalue()


PROOFS = Proofs(str(SCRATCH))
LONG = f"nats-server-v{NEW}-linux-amd64/{'x' * 120}/nats-server"
TARS = [
    _tar(form, f"nats-server-v{NEW}-linux-amd64/README.md", LONG)
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)
]
# Of a pax header: of the file behind it, and of sparse files, whose maps are read as numbers.
PAX = (
    b"size=-1",
    b"size=99999999999999999999",
    b"size=x",
    b"path=/etc/passwd",
    b"GNU.sparse.map=1,x",
    b"GNU.sparse.major=1",
    b"GNU.sparse.minor=0",
)
SIZES = (None, None, None, b"77777777777", b"zzzzzzzzzzz", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"\0" * 12, b"           1")


@st.composite
def members(draw: st.DrawFn) -> bytes:
    """A member of an archive, whose checksum is right, whatever it says of itself."""
    kind = draw(
        st.sampled_from(
            (b"0", b"0", b"0", b"\0", b"1", b"2", b"3", b"5", b"6", b"7", b"L", b"K", b"x", b"x", b"g", b"S", b"D", b"?")
        )
    )
    said = draw(st.lists(st.sampled_from(PAX), max_size=2))
    lines = b"".join(b"%d %s\n" % (len(one) + 4 + (len(one) + 4 > 99), one) for one in said)
    content = lines if kind in b"xg" and lines else draw(st.one_of(st.just(script(NEW)), st.binary(max_size=40)))
    name = draw(
        st.sampled_from((b"nats-server", b"x/nats-server", b"../../nats-server", b"/nats-server", b"x\x1b", b"\xff\xfe", b""))
    )
    size = draw(st.sampled_from(SIZES)) or b"%011o\0" % len(content)
    fields = [
        name.ljust(100, b"\0"),
        b"0000755\0",
        b"0000000\0",
        b"0000000\0",
        size.ljust(12, b"\0"),
        b"%011o\0" % 0,
        b" " * 8,
        kind,
    ]
    rest = [
        draw(st.sampled_from((b"", b"nats-server", b"/etc/shadow"))).ljust(100, b"\0"),
        draw(st.sampled_from((b"ustar\x0000", b"ustar  \0", b"\0" * 8))),
    ]
    header = bytearray(b"".join([*fields, *rest]).ljust(512, b"\0"))
    if draw(st.integers(0, 3)) == 0:
        header[386:512] = draw(st.binary(min_size=126, max_size=126))
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content.ljust(-(-len(content) // 512) * 512, b"\0")


written = st.lists(members(), min_size=1, max_size=4).map(
    lambda all_of_them: gzip.compress(b"".join(all_of_them) + b"\0" * 1024, 1)
)
damaged = st.one_of(
    *[written] * 6,
    *(changed_bytes(tar).map(lambda data: gzip.compress(data, 1)) for tar in TARS),
    *(changed_bytes(pack(TARS[0])) for pack in (gzip.compress, bz2.compress, lzma.compress, bytes)),
)


@fuzz(damaged, examples=300)
def test_whatever_is_in_an_archive_is_staged_or_refused(data: bytes) -> None:
    archive, binary = SCRATCH / "nats.tar.gz", SCRATCH / f"nats-server-{NEW}"
    archive.write_bytes(data)
    binary.unlink(missing_ok=True)
    _binary.stage(str(archive), hashlib.sha256(data).hexdigest(), str(binary), NEW, PROOFS)
    assert _binary.is_staged(str(binary), NEW)
