# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The option of the modules that find something out: whether that becomes a fact."""

from __future__ import annotations


class ModuleDocFragment:
    """See the option below."""

    DOCUMENTATION = r"""
options:
  as_facts:
    description:
      - Whether what is found out becomes a fact of the host. Otherwise it is in the result alone, under the same name.
      - Give V(false) with C(run_once) and with C(delegate_to), and read what is registered. Facts of such a task may be taken for
        those of other hosts of the play, and with ansible-core 2.21 all of its hosts then share one set of facts.
    type: bool
    default: true
"""
