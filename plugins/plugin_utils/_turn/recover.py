# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a failure in a turn means, and whether the old version goes back. Pure.

The old version goes back at once where the new one is dead, does not answer, or is something else. Where the old one answers,
what starts it has not taken what was put in its place: it serves, and is left alone. A server that answers with the new
version goes back only if the trouble is its own and the cluster can lose it, and then by lame duck: stopping a node that merely
waits for another one is how quorum is lost. What others wait for too (a feature wedge, or anything else with a name) is not its
own. A server that runs, and that cannot be read because nobody lets us in, is left alone: it may well serve its clients. A
restart has nothing to put back.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Mapping

from ansible_collections.natsops.cluster.plugins.plugin_utils._turn.values import Failed, Seen, Stage, Wanted

How = Literal["no", "now", "drained"]
_NOTHING_KEPT = (
    "its server is down. It does not start with what is configured and installed now, and nothing older is kept to put back."
)


@dataclass(frozen=True)
class PutBack:
    """Whether the old version goes back, and how. C(words): what is said of the server where it does not."""

    how: How
    words: str


def stage(failed: Failed) -> Stage:
    """How far the turn had come. What is left on the node follows from that, and what may be done about it."""
    if failed.lost:
        return "lost"
    if failed.upgraded:
        return "upgraded"
    if failed.returned:
        return "returned"
    if failed.has_target and not failed.unwell:
        return "back"
    if failed.swapped is not None and "exit_seen" not in failed.swapped:
        # The module was killed, or its machine, before it could answer.
        return "unknown"
    if failed.swapped is None or "pid" not in failed.swapped:
        return "away" if failed.away else "untouched"
    return "stopped" if failed.swapped["exit_seen"] else "draining"


def answers(seen: Seen, wanted: Wanted) -> bool:
    """Whether the new version answers."""
    return seen.server is not None and bool(seen.server.version) and seen.server.version == wanted.target


def asks_whether_it_can_be_lost(seen: Seen, wanted: Wanted, refusal: str) -> bool:
    """Whether it is of interest that the cluster can lose the server once more."""
    return answers(seen, wanted) and not refusal and not wanted.restarts


def put_back(seen: Seen, wanted: Wanted) -> PutBack:
    """Whether the old version goes back on a node whose server was stopped and has not come back."""
    return PutBack(_how(seen, wanted), _words(seen, wanted))


def _is_hidden(seen: Seen) -> bool:
    return seen.server is None and seen.process_runs


def _how(seen: Seen, wanted: Wanted) -> How:
    if wanted.restarts or not wanted.rollback or _is_hidden(seen):
        return "no"
    version = seen.server.version if seen.server else ""
    if version == wanted.old_version:
        return "no"
    if not answers(seen, wanted):
        return "now"
    return "drained" if seen.can_be_lost else "no"


def _words(seen: Seen, wanted: Wanted) -> str:
    if seen.server and seen.server.reachable:
        return f"it answers with {seen.server.version} and was left running."
    if _is_hidden(seen):
        return "its server runs and was left running: whether it is well cannot be read."
    if wanted.reboots:
        return "its server is down since it was drained for the reboot of its host."
    if wanted.restarts:
        return _NOTHING_KEPT
    return "its server is down, and nats_upgrade_rollback is false."


@dataclass(frozen=True)
class Recovery:
    """What is known of a turn that failed, while it is put right: what failed, and what was found and done since.

    C(put_back) is what is said of a server that was stopped or has ended; C(asks): whether it is of interest that the cluster
    can lose it once more; C(can_go_back): the old version was proved to be there.
    """

    stage: Stage
    failure: str
    step: str
    refusal: str = ""
    besides: str = ""
    put_back: str = ""
    goes_back: How = "no"
    asks: bool = False
    can_go_back: bool = False

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Recovery:
        """The same from the result of the task that has told it last."""
        return cls(**{field.name: kept[field.name] for field in fields(cls)})


def begun(stage: Stage, step: str, msg: str, refusal: str = "") -> Recovery:
    """C(step) has failed with C(msg). A host that was lost says itself in which step."""
    return Recovery(stage, msg if stage == "lost" else f"{step}: {msg}", step, refusal)


def failed_too(recovery: Recovery, step: str, msg: str, *, named: bool, lost: bool) -> Recovery:
    """What puts it right has failed as well. C(named): the message says itself that the host was lost."""
    return replace(recovery, besides=msg if named else f"{step}: {msg}", stage="lost" if lost else recovery.stage)


def ended(recovery: Recovery) -> Recovery:
    """The server has ended by itself, a crash or a script of a package, and whoever would start it again is held."""
    words = "its server has ended by itself, without a signal of this run, and was not started again."
    return replace(recovery, stage="ended", put_back=words)


def revived(recovery: Recovery) -> Recovery:
    words = "its server had ended by itself, without a signal of this run. It was started again, and is up and current."
    return replace(recovery, put_back=words)


def not_revived(recovery: Recovery, step: str, msg: str) -> Recovery:
    words = f"its server has ended by itself, without a signal of this run, and could NOT be started again: {step}: {msg}"
    return replace(recovery, put_back=words)


def looked(recovery: Recovery, seen: Seen, wanted: Wanted) -> Recovery:
    """What is seen of the server, before the cluster is asked whether it can lose it."""
    return replace(recovery, asks=asks_whether_it_can_be_lost(seen, wanted, recovery.refusal))


def decided(recovery: Recovery, seen: Seen, wanted: Wanted) -> Recovery:
    decision = put_back(seen, wanted)
    return replace(recovery, goes_back=decision.how, put_back=decision.words)


def is_back(recovery: Recovery, wanted: Wanted) -> Recovery:
    return replace(recovery, put_back=f"it was put back to {wanted.old_version}, and is up and current.")


def is_not_back(recovery: Recovery, wanted: Wanted, seen: Seen, step: str, msg: str) -> Recovery:
    """What was not proved to be there has not ended the server for it."""
    runs = "runs and was left running" if seen.process_runs else "is down"
    left = "" if recovery.can_go_back else f". Its server {runs}."
    return replace(recovery, put_back=f"it could NOT be put back to {wanted.old_version}: {step}: {msg}{left}")
