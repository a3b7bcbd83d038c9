"""What playbooks/awx/setup.yml gives to the modules of awx.awx, checked against what those accept, and against the role."""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any

import jinja2
import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import session as _session
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import over_nats as _over_nats
from tests.lab.awx_collection import awx_collections
from tests.lab.binaries import ROOT

AWX = ROOT / "playbooks" / "awx"
MODULES = "ansible_collections.awx.awx.plugins.modules"
# Which files AWX takes for playbooks (awx/main/utils/ansible.py).
PLAYBOOK_LINE = re.compile(r"^\s*?-?\s*?(?:hosts|include|import_playbook):\s*?.*?$", re.MULTILINE)
QUESTION = {
    *("question_name", "question_description", "variable", "type", "required", "default", "min", "max", "choices"),
    "new_question",
}
# What a person answers, by the type of the question.
ANSWERS = {"integer": 2, "text": "2.15.1", "textarea": "r1_assets\nsingle_route"}
# Asked for, and looked at elsewhere: the role reads it as a number or as "all".
ELSEWHERE = {"nats_upgrade_max_nodes"}
OMITTED = "__omitted__"
GIVEN = {"nats_awx_inventory": "nats-production", "nats_awx_execution_environment_image": "registry.example.org/nats:1"}


def loaded(name: str) -> Any:
    return DataLoader().load_from_file(str(AWX / name), trusted_as_template=True)


def templar(**more: Any) -> Templar:
    variables = {**loaded("vars/main.yml"), **loaded("vars/surveys.yml"), **GIVEN, **more}
    return Templar(loader=DataLoader(), variables=variables)


def calls() -> list[tuple[str, dict[str, Any]]]:
    """Every call of a module of awx.awx, with its arguments as Ansible fills them in."""
    found = []
    for task in loaded("setup.yml")[0]["tasks"]:
        module = next((name for name in task if name.startswith("awx.awx.")), None)
        if module:
            items = templar().template(task["loop"]) if "loop" in task else [None]
            for item in items:
                args = templar(omit=OMITTED, item=item).template(task[module])
                found.append((module.rpartition(".")[2], {name: value for name, value in args.items() if value != OMITTED}))
    return found


CALLS = calls()


def of(module: str) -> list[dict[str, Any]]:
    return [args for name, args in CALLS if name == module]


@pytest.fixture(scope="module")
def awx() -> Any:
    """Make awx.awx importable, and return what reads the argument spec of a module and its documentation."""
    package = sys.modules["ansible_collections"]
    package.__path__.append(str(awx_collections()))
    yield lambda name: importlib.import_module(f"{MODULES}.{name}")
    package.__path__.remove(str(awx_collections()))


class _SpecSeen(Exception):  # noqa: N818 - it is no error
    pass


def specification(module: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def look(argument_spec: dict[str, Any], **_others: Any) -> None:
        seen.update(argument_spec)
        raise _SpecSeen

    monkeypatch.setattr(module, "ControllerAPIModule", look)
    with pytest.raises(_SpecSeen):
        module.main()
    return seen


@pytest.mark.parametrize(("name", "args"), CALLS, ids=[f"{name}-{args['name']}" for name, args in CALLS])
def test_a_module_accepts_what_it_is_given(name: str, args: dict[str, Any], awx: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ArgumentSpecValidator(specification(awx(name), monkeypatch)).validate(args).error_messages == []


def documented(option: dict[str, Any]) -> dict[str, Any]:
    """The argument spec that the documentation of an option describes."""
    spec = {key: option[key] for key in ("type", "elements", "choices", "required") if key in option}
    if "suboptions" in option:
        spec["options"] = {name: documented(one) for name, one in option["suboptions"].items()}
    return spec


def test_the_nodes_of_the_workflow_are_of_the_documented_shape(awx: Any) -> None:
    """The argument spec of the module says nothing of what is in a node."""
    options = yaml.safe_load(awx("workflow_job_template").DOCUMENTATION)["options"]
    validator = ArgumentSpecValidator({"workflow_nodes": documented(options["workflow_nodes"])})
    (workflow,) = of("workflow_job_template")
    assert validator.validate({"workflow_nodes": workflow["workflow_nodes"]}).error_messages == []


def test_the_workflow_goes_from_the_audit_over_two_approvals_to_all_nodes() -> None:
    (workflow,) = of("workflow_job_template")
    nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
    after = {
        (name, kind): [one["identifier"] for one in node.get("related", {}).get(kind, [])]
        for name, node in nodes.items()
        for kind in ("success_nodes", "failure_nodes", "always_nodes")
    }
    way = ["audit", "plan", "approve-canary", "canary", "soak", "approve-rest", "rest"]
    assert list(nodes) == way
    steps = {("audit", "always_nodes"): ["plan"]}
    steps.update({(name, "success_nodes"): [way[index + 2]] for index, name in enumerate(way[1:-1])})
    # Nothing follows a failure but after the audit: a failure that has a successor would be none of the workflow's.
    assert {edge: to for edge, to in after.items() if to} == steps
    kinds = {name: node["unified_job_template"]["type"] for name, node in nodes.items()}
    assert [name for name, kind in kinds.items() if kind == "workflow_approval"] == ["approve-canary", "approve-rest"]
    templates = {args["name"] for args in of("job_template")}
    assert {node["unified_job_template"]["name"] for name, node in nodes.items() if kinds[name] == "job_template"} <= templates


def test_what_only_the_canary_is_told_is_asked_by_its_template_and_not_by_the_workflow() -> None:
    """AWX drops variables that a template does not ask for, and answers of the workflow beat what a node says."""
    (workflow,) = of("workflow_job_template")
    (canary,) = [node for node in workflow["workflow_nodes"] if node["identifier"] == "canary"]
    (upgrade,) = [args for args in of("job_template") if args["name"] == "NATS upgrade"]
    assert canary["extra_data"] == {"nats_upgrade_max_nodes": 1}
    assert set(canary["extra_data"]) <= {question["variable"] for question in upgrade["survey_spec"]["spec"]}
    assert not set(canary["extra_data"]) & {question["variable"] for question in workflow["survey_spec"]["spec"]}


@pytest.mark.parametrize("args", of("job_template"), ids=lambda args: str(args["name"]))
def test_a_job_template_runs_a_playbook_that_asks_nothing(args: dict[str, Any]) -> None:
    playbook = ROOT / args["playbook"]
    if playbook.name != "audit.yml" or playbook.exists():
        text = playbook.read_text(encoding="utf-8")
        assert PLAYBOOK_LINE.search(text), f"AWX does not list {args['playbook']} as a playbook"
        assert not re.search(r"vars_prompt|\bpause:", text)
    assert (args["ask_variables_on_launch"], args["job_slice_count"], args["use_fact_cache"]) == (False, 1, False)


def role_options() -> dict[str, Any]:
    """What the variables of the roles have to be."""
    options: dict[str, Any] = {}
    for role in ("nats_upgrade", "nats_audit"):
        specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
        options.update(specs["argument_specs"]["main"]["options"])
    return options


SURVEYS = {args["name"]: args["survey_spec"]["spec"] for _name, args in CALLS if args.get("survey_spec")}


@pytest.mark.parametrize("name", SURVEYS)
def test_a_survey_asks_for_variables_of_the_roles_and_gives_what_they_take(name: str) -> None:
    options = role_options()
    variables = [question["variable"] for question in SURVEYS[name]]
    assert len(set(variables)) == len(variables)
    for question in SURVEYS[name]:
        assert set(question) == QUESTION, question["question_name"]
        if question["type"] == "multiplechoice":
            assert question["default"] in question["choices"]
        if question["variable"] not in ELSEWHERE:
            validator = ArgumentSpecValidator({"it": options[question["variable"]]})
            for answer in question["choices"] or [ANSWERS[question["type"]]]:
                assert validator.validate({"it": answer}).error_messages == []


def test_the_schedule_promises_what_makes_the_audit_fail_and_nothing_else() -> None:
    failing = yaml.safe_load((ROOT / "roles/nats_audit/defaults/main.yml").read_text(encoding="utf-8"))["nats_audit_fail_on"]
    (schedule,) = of("schedule")
    words = {"differ": "mismatch_overdue", "bad": "bad_release", "silent": "silent_server", "not listed": "unlisted_server"}
    for word, finding in {**words, "withdrawn": "withdrawn_version", "end of life": "end_of_life"}.items():
        assert (word in schedule["description"]) == (finding in failing), word


CREDENTIALS = {"nats_upgrade_system_account": {"creds", "password"}, "nats_upgrade_client_probe": {"creds", "password", "token"}}


def credential(variable: str) -> dict[str, Any]:
    """The type of credential that gives this variable."""
    (args,) = [args for args in of("credential_type") if variable in args["injectors"]["extra_vars"]]
    return args


@pytest.mark.parametrize(("variable", "secret"), CREDENTIALS.items(), ids=CREDENTIALS)
def test_a_credential_gives_its_variable_and_hides_what_is_secret(variable: str, secret: set[str]) -> None:
    args = credential(variable)
    fields = {field["id"]: field for field in args["inputs"]["fields"]}
    assert {name for name, field in fields.items() if field.get("secret")} == secret
    # In braces still: AWX fills them in, and not Ansible.
    account = args["injectors"]["extra_vars"][variable]
    assert account["password"] == "{{ password | default('') }}"
    assert account["creds"] == "{{ tower.filename.creds if creds | default('') else '' }}"
    used = set(re.findall(r"{{ (?:tower\.filename\.)?(\w+)", str(args["injectors"])))
    assert used == set(fields)
    # AWX takes no configuration of Ansible from a credential (validate_env_var_allowed).
    assert "env" not in args["injectors"]


@pytest.mark.parametrize("variable", CREDENTIALS)
def test_what_a_credential_gives_is_an_account_where_it_holds_a_user_only(variable: str) -> None:
    check = {"nats_upgrade_system_account": _over_nats.check, "nats_upgrade_client_probe": _session.check}[variable]
    filled = _filled_in(credential(variable)["injectors"]["extra_vars"][variable], user="u", password="p4ss")
    assert ArgumentSpecValidator({"it": role_options()[variable]}).validate({"it": filled}).error_messages == []
    checked = check(filled)
    assert (checked["user"], checked["password"], "creds" in checked, "token" in checked) == ("u", "p4ss", False, False)
    assert not checked.get("tls")


def _filled_in(value: Any, **held: str) -> Any:
    """What AWX makes of it, where the credential holds this."""
    if isinstance(value, dict):
        return {name: _filled_in(one, **held) for name, one in value.items()}
    return jinja2.Environment().from_string(value).render(**held, tower={"filename": {}})
