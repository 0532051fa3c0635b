"""Administers a running waypost with a generated client, and checks what it answers.

Run by `cargo xtask interop`, which generates the client and names the server, its authority and the tokens in the
environment. Ends with a line of counts.
"""

import hashlib
import hmac
import json
import os
import sys
import time
import traceback
import urllib.request
import uuid

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from waypost.admin.v1 import audit_pb2, audit_pb2_grpc, calendars_pb2, calendars_pb2_grpc
from waypost.admin.v1 import decisions_pb2, decisions_pb2_grpc, numbers_pb2, numbers_pb2_grpc
from waypost.admin.v1 import rule_sets_pb2, rule_sets_pb2_grpc, rules_pb2, rules_pb2_grpc, teams_pb2, teams_pb2_grpc
from waypost.rules.v1 import rule_set_pb2

DEADLINE_S = 20
# Between two looks, while something is on its way.
POLL_EVERY_S = 0.1

RULES = """
[default]
team = "frontdesk"

[handover]
team = "frontdesk"
words.en = ["agent"]

[[teams]]
name = "frontdesk"

[[teams]]
name = "billing"

[[rules]]
id = "invoices"
team = "%s"
when = { keyword = ["invoice"] }
"""


class Client:
    """The services, called with the token of a role, or with none."""

    def __init__(self, channel, token):
        self.metadata = [("authorization", f"Bearer {token}")] if token else []
        self.teams = teams_pb2_grpc.TeamServiceStub(channel)
        self.numbers = numbers_pb2_grpc.NumberServiceStub(channel)
        self.audit = audit_pb2_grpc.AuditServiceStub(channel)
        self.decisions = decisions_pb2_grpc.DecisionServiceStub(channel)
        self.rule_sets = rule_sets_pb2_grpc.RuleSetServiceStub(channel)
        self.rules = rules_pb2_grpc.RuleServiceStub(channel)
        self.calendars = calendars_pb2_grpc.CalendarServiceStub(channel)

    def call(self, method, request):
        return method(request, metadata=self.metadata, timeout=DEADLINE_S)

    def refused(self, method, request, code):
        """The refusal's fields and reasons; anything but this code is a failure."""
        try:
            answer = self.call(method, request)
        except grpc.RpcError as error:
            assert error.code() == code, f"{error.code()}, not {code}: {error.details()}"
            return named(error)
        raise AssertionError(f"not refused with {code}: {answer}")


def named(error):
    names = []
    for detail in rpc_status.from_call(error).details:
        bad_request, info = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo()
        if detail.Unpack(bad_request):
            names += [violation.field for violation in bad_request.field_violations]
        if detail.Unpack(info):
            names.append(info.reason)
    return names


def eventually(what, look):
    """What `look` gives as soon as it gives something."""
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(POLL_EVERY_S)
    raise AssertionError(f"not within {DEADLINE_S} s: {what}")


def write(customer, text):
    """A customer's message, as the platform would post it; gives the message's id."""
    message_id = f"wamid.{uuid.uuid4().hex}"
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"},
        "contacts": [{"profile": {"name": "Customer"}, "wa_id": customer}],
        "messages": [{"from": customer, "id": message_id, "timestamp": str(int(time.time())), "type": "text",
                      "text": {"body": text}}],
    }
    entry = {"id": "102290129340398", "changes": [{"field": "messages", "value": value}]}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
    signature = hmac.new(os.environ["WAYPOST_APP_SECRET"].encode(), body, hashlib.sha256).hexdigest()
    request = urllib.request.Request(os.environ["WAYPOST_WEBHOOK"], body, {
        "Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"})
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        assert answer.status == 200, answer.status
    return message_id


def decision_of(viewer, message_id):
    def look():
        try:
            request = decisions_pb2.GetDecisionRequest(message_id=message_id)
            return viewer.call(viewer.decisions.GetDecision, request).decision
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND, error.details()
            return None
    return eventually("the decision is there", look)


def activate(publisher, rule_set, etag=""):
    request = rule_sets_pb2.ActivateRuleSetRequest(reason="interop", etag=etag, request_id=str(uuid.uuid4()))
    request.activation.active = rule_set.name
    return publisher.call(publisher.rule_sets.ActivateRuleSet, request).activation


def decides(viewer, rule_set, team):
    """Every process follows an activation: new customers' messages go to `team`."""
    def look():
        customer = "1650555" + f"{uuid.uuid4().int % 10_000:04}"
        decision = decision_of(viewer, write(customer, "my invoice"))
        return decision.rule_set == rule_set.version and decision.team == team
    eventually(f"{rule_set.name} decides", look)


def a_rule_set_is_created_checked_activated_explained_and_taken_back(roles):
    publisher, viewer = roles["publisher"], roles["viewer"]
    create = rule_sets_pb2.CreateRuleSetRequest(text=RULES % "nowhere", reason="interop")
    refusals = publisher.refused(publisher.rule_sets.CreateRuleSet, create, grpc.StatusCode.INVALID_ARGUMENT)
    assert refusals == ["text"], refusals
    create.allow_errors = True
    made = publisher.call(publisher.rule_sets.CreateRuleSet, create)
    errors = [finding for finding in made.findings if finding.severity == rule_sets_pb2.SEVERITY_ERROR]
    assert [(error.rule, error.field) for error in errors] == [("invoices", "rules.invoices.team")], errors
    request = rule_sets_pb2.ActivateRuleSetRequest()
    request.activation.active = made.rule_set.name
    reasons = publisher.refused(publisher.rule_sets.ActivateRuleSet, request, grpc.StatusCode.FAILED_PRECONDITION)
    assert reasons == ["NOT_CHECKED"], reasons

    versions = []
    for team in ["billing", "frontdesk"]:
        create = rule_sets_pb2.CreateRuleSetRequest(text=RULES % team, request_id=str(uuid.uuid4()))
        version = publisher.call(publisher.rule_sets.CreateRuleSet, create).rule_set
        check = rule_sets_pb2.CheckRuleSetRequest(name=version.name)
        checked = publisher.call(publisher.rule_sets.CheckRuleSet, check)
        assert checked.rule_set.state == rule_sets_pb2.RULE_SET_STATE_CHECKED, checked
        versions.append(version)
    first, second = versions
    publisher.refused(publisher.rule_sets.CreateRuleSet, rule_sets_pb2.CreateRuleSetRequest(text="[default"),
                      grpc.StatusCode.INVALID_ARGUMENT)
    diff = viewer.call(viewer.rule_sets.DiffRuleSets,
                       rule_sets_pb2.DiffRuleSetsRequest(base=first.name, name=second.name))
    assert [(change.rule, list(change.parts)) for change in diff.changed] == [("invoices", ["team"])], diff

    activation = activate(publisher, first)
    decides(viewer, first, "teams/billing")
    explain = rule_sets_pb2.ExplainRuleSetRequest(text="Where is my invoice?", rules=["invoices"])
    explained = viewer.call(viewer.rule_sets.ExplainRuleSet, explain)
    assert (explained.version, explained.team, explained.rule) == (first.version, "teams/billing", "invoices"), explained
    assert [(rule.rule, rule.verdict) for rule in explained.rules] == [("invoices", "applied")], explained

    activate(publisher, second, activation.etag)
    decides(viewer, second, "teams/frontdesk")
    request.activation.active, request.etag = first.name, activation.etag
    reasons = publisher.refused(publisher.rule_sets.ActivateRuleSet, request, grpc.StatusCode.ABORTED)
    assert reasons == ["ETAG_MISMATCH"], reasons
    activate(publisher, first)
    decides(viewer, first, "teams/billing")
    history = viewer.call(viewer.rule_sets.ListActivations, rule_sets_pb2.ListActivationsRequest()).activations
    assert [one.active for one in history] == [first.name, second.name, first.name], history
    coverage = viewer.call(viewer.rule_sets.GetCoverage, rule_sets_pb2.GetCoverageRequest())
    assert coverage.name == first.name and [rule.rule for rule in coverage.rules] == ["invoices"], coverage


def a_team_is_created_and_updated_with_its_etag(roles):
    publisher = roles["publisher"]
    request = teams_pb2.CreateTeamRequest(team_id="python", request_id=str(uuid.uuid4()))
    request.team.title = "From Python"
    made = publisher.call(publisher.teams.CreateTeam, request).team
    assert made.name == "teams/python" and made.state == teams_pb2.TEAM_STATE_ACTIVE, made
    again = publisher.call(publisher.teams.CreateTeam, request).team
    assert again.etag == made.etag, "a repeated request was carried out twice"
    publisher.refused(publisher.teams.CreateTeam, teams_pb2.CreateTeamRequest(team_id="python", team=made),
                      grpc.StatusCode.ALREADY_EXISTS)

    update = teams_pb2.UpdateTeamRequest(team=made)
    update.team.title, update.team.staffed = "Changed", True
    update.update_mask.paths.append("title")
    after = publisher.call(publisher.teams.UpdateTeam, update).team
    assert (after.title, after.staffed) == ("Changed", False), after
    reasons = publisher.refused(publisher.teams.UpdateTeam, update, grpc.StatusCode.ABORTED)
    assert reasons == ["ETAG_MISMATCH"], reasons


def a_number_gets_a_name(roles):
    publisher, pb = roles["publisher"], numbers_pb2
    request = pb.UpdateNumberRequest(number=pb.Number(name="numbers/python", phone_number_id="1"), allow_missing=True)
    request.update_mask.paths.append("phone_number_id")
    made = publisher.call(publisher.numbers.UpdateNumber, request).number
    assert publisher.call(publisher.numbers.GetNumber, pb.GetNumberRequest(name="numbers/python")).number == made
    request.number.phone_number_id = "+1"
    fields = publisher.refused(publisher.numbers.UpdateNumber, request, grpc.StatusCode.INVALID_ARGUMENT)
    assert fields == ["number.phone_number_id"], fields


def nobody_is_let_in_without_a_token(roles):
    request = teams_pb2.ListTeamsRequest()
    reasons = roles["nobody"].refused(roles["nobody"].teams.ListTeams, request, grpc.StatusCode.UNAUTHENTICATED)
    assert reasons == ["TOKEN_MISSING"], reasons
    reasons = roles["stranger"].refused(roles["stranger"].teams.ListTeams, request, grpc.StatusCode.UNAUTHENTICATED)
    assert reasons == ["TOKEN_INVALID"], reasons


def a_role_that_may_not_is_refused(roles):
    viewer = roles["viewer"]
    assert len(viewer.call(viewer.teams.ListTeams, teams_pb2.ListTeamsRequest()).teams) >= 2
    reasons = viewer.refused(viewer.teams.CreateTeam, teams_pb2.CreateTeamRequest(team_id="mine"),
                             grpc.StatusCode.PERMISSION_DENIED)
    assert reasons == ["ROLE_MISSING"], reasons


def mistakes_name_the_field(roles):
    publisher, invalid = roles["publisher"], grpc.StatusCode.INVALID_ARGUMENT
    teams = publisher.teams
    fields = publisher.refused(teams.ListTeams, teams_pb2.ListTeamsRequest(page_token="nonsense"), invalid)
    assert fields == ["page_token"], fields
    fields = publisher.refused(teams.ListTeams, teams_pb2.ListTeamsRequest(page_size=-1), invalid)
    assert fields == ["page_size"], fields
    update = teams_pb2.UpdateTeamRequest(team=teams_pb2.Team(name="teams/billing"))
    fields = publisher.refused(teams.UpdateTeam, update, invalid)
    assert fields == ["update_mask"], fields
    update.update_mask.paths.extend(["title", "etag"])
    fields = publisher.refused(teams.UpdateTeam, update, invalid)
    assert fields == ["update_mask"], fields
    fields = publisher.refused(teams.GetTeam, teams_pb2.GetTeamRequest(name="billing"), invalid)
    assert fields == ["name"], fields


def pages_follow_one_another(roles):
    viewer, names, token = roles["viewer"], [], ""
    for _ in range(10):
        page = viewer.call(viewer.teams.ListTeams, teams_pb2.ListTeamsRequest(page_size=1, page_token=token))
        names += [team.name for team in page.teams]
        token = page.next_page_token
        if not token:
            break
    assert not token and names == sorted(set(names)) and "teams/billing" in names, names


def document():
    """A whole version as data: two answers, a calendar and one rule that asks it."""
    made = rule_set_pb2.RuleSetDocument()
    made.definition.default_route.team = "python"
    made.definition.handover.team = "python"
    made.definition.handover.buttons.append("talk")
    made.teams.add(name="python")
    made.calendars.add(name="office", zone="Europe/Madrid").hours.add(days=range(1, 6)).shift.to_minute = 600
    rule = made.definition.rules.add(id="night", phase=rule_set_pb2.PHASE_ROUTE, priority=1)
    rule.when.add().literals.add(negated=True).open.calendar = "office"
    rule.outcome.team = "python"
    return made


def a_document_is_pushed_and_a_rule_of_it_changed(roles):
    publisher = roles["publisher"]
    request = rule_sets_pb2.CreateRuleSetRequest(document=document(), reason="from Python")
    base = publisher.call(publisher.rule_sets.CreateRuleSet, request).rule_set.name
    view = rule_sets_pb2.GetRuleSetRequest(name=base, view=rule_sets_pb2.RULE_SET_VIEW_FULL)
    assert publisher.call(publisher.rule_sets.GetRuleSet, view).rule_set.document.teams[0].name == "python"

    rule = publisher.call(publisher.rules.GetRule, rules_pb2.GetRuleRequest(name=f"{base}/rules/night")).rule
    update = rules_pb2.UpdateRuleRequest(rule=rule, request_id=str(uuid.uuid4()))
    update.rule.priority, update.rule.disabled = 9, True
    update.update_mask.paths.append("priority")
    answer = publisher.call(publisher.rules.UpdateRule, update)
    assert (answer.rule.priority, answer.rule.disabled) == (9, False), answer
    assert answer.rule_set.name != base and answer.rule.name.startswith(answer.rule_set.name), answer
    assert publisher.call(publisher.rules.UpdateRule, update) == answer, "a repeated request was carried out twice"

    update.rule.etag, update.request_id = "old", ""
    reasons = publisher.refused(publisher.rules.UpdateRule, update, grpc.StatusCode.ABORTED)
    assert reasons == ["ETAG_MISMATCH"], reasons
    request.document.definition.rules[0].when[0].literals[0].ClearField("open")
    request.document.calendars[0].hours[0].days.append(8)
    fields = publisher.refused(publisher.rule_sets.CreateRuleSet, request, grpc.StatusCode.INVALID_ARGUMENT)
    want = ["document.definition.rules[0].when[0].literals[0].atom", "document.calendars[0].hours[0].days"]
    assert fields == want, fields


def holidays_are_imported(roles):
    publisher = roles["publisher"]
    request = rule_sets_pb2.CreateRuleSetRequest(document=document())
    base = publisher.call(publisher.rule_sets.CreateRuleSet, request).rule_set.name
    events = ["DTSTART;VALUE=DATE:19780101\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:New Year", "DTSTART:20260601T090000Z"]
    body = "".join(f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n" for event in events)
    text = f"BEGIN:VCALENDAR\r\n{body}END:VCALENDAR\r\n"
    request = calendars_pb2.ImportHolidaysRequest(name=f"{base}/calendars/office", ical_text=text, years=[2026, 2027])
    answer = publisher.call(publisher.calendars.ImportHolidays, request)
    assert [day.date for day in answer.added] == ["2026-01-01", "2027-01-01"], answer
    assert answer.skipped_count == 1 and "time of day" in answer.skipped[0].reason, answer
    reasons = publisher.refused(publisher.calendars.DeleteCalendar,
                                calendars_pb2.DeleteCalendarRequest(name=answer.calendar.name),
                                grpc.StatusCode.FAILED_PRECONDITION)
    assert reasons == ["CALENDAR_IN_USE"], reasons
    request.ical_text = "no calendar"
    fields = publisher.refused(publisher.calendars.ImportHolidays, request, grpc.StatusCode.INVALID_ARGUMENT)
    assert fields == ["ical_text"], fields


def the_audit_log_is_whole(roles):
    compliance = roles["compliance"]
    verdict = compliance.call(compliance.audit.VerifyAuditChain, audit_pb2.VerifyAuditChainRequest())
    assert verdict.valid and verdict.verified > 0, verdict
    request = audit_pb2.ListAuditRecordsRequest(resource="teams/python")
    records = compliance.call(compliance.audit.ListAuditRecords, request).audit_records
    assert [record.method for record in records] == ["TeamService/UpdateTeam", "TeamService/CreateTeam"], records


# In this order: the teams of the first one's rules are what the others find.
CHECKS = [
    a_rule_set_is_created_checked_activated_explained_and_taken_back,
    a_team_is_created_and_updated_with_its_etag,
    a_number_gets_a_name,
    nobody_is_let_in_without_a_token,
    a_role_that_may_not_is_refused,
    mistakes_name_the_field,
    pages_follow_one_another,
    a_document_is_pushed_and_a_rule_of_it_changed,
    holidays_are_imported,
    the_audit_log_is_whole,
]


def main():
    with open(os.environ["WAYPOST_CA"], "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    failed = 0
    with grpc.secure_channel(os.environ["WAYPOST_ADDRESS"], credentials) as channel:
        roles = {role: Client(channel, os.environ[f"WAYPOST_TOKEN_{role.upper()}"])
                 for role in ["publisher", "viewer", "compliance"]}
        roles["nobody"], roles["stranger"] = Client(channel, None), Client(channel, "wpt_0")
        for check in CHECKS:
            try:
                check(roles)
                print(f"test {check.__name__} ... ok")
            except Exception:  # pylint: disable=broad-except
                failed += 1
                print(f"test {check.__name__} ... FAILED")
                traceback.print_exc()
    verdict = "FAILED" if failed else "ok"
    print(f"test result: {verdict}. {len(CHECKS) - failed} passed; {failed} failed;")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
