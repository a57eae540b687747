"""What the operations ask for of each thing."""

from __future__ import annotations

EXPERIMENT = """uuid title description eid createdAt updatedAt tags
    files { name path modifiedAt }"""
PARAMETER = "name displayName description dataType defaultValue options"
TASK = f"""uuid extensionName actionName receivedAt createdBy endedAt resultCode stdErr stdOut
    taskStatus experiment {{ {EXPERIMENT} }} parameters {{ value key {{ {PARAMETER} }} }}"""
