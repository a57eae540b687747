"""The texts of mutations."""

from __future__ import annotations

from aqsync.compat.schemas.fields import EXPERIMENT

create_experiment_mutation = f"""mutation (
    $title: String!, $description: String!, $tags: [String!]!
) {{
    createExperiment(createExperimentInput: {{
        title: $title, description: $description, tags: $tags
    }}) {{ {EXPERIMENT} }}
}}"""
update_experiment_mutation = f"""mutation ($uuid: UUID!, $title: String, $description: String) {{
    updateExperiment(uuid: $uuid, experimentUpdateInput: {{
        title: $title, description: $description
    }}) {{ {EXPERIMENT} }}
}}"""
add_tags_to_experiment_mutation = f"""mutation ($uuid: UUID!, $tags: [String!]!) {{
    addTagsToExperiment(experimentTagsInput: {{uuid: $uuid, tags: $tags}}) {{ {EXPERIMENT} }}
}}"""
remove_tag_from_experiment_mutation = f"""mutation ($uuid: UUID!, $tag: String!) {{
    removeTagFromExperiment(experimentTagInput: {{uuid: $uuid, tag: $tag}}) {{ {EXPERIMENT} }}
}}"""
remove_experiment_mutation = """mutation ($uuid: UUID!) {
    removeExperiment(experimentRemoveInput: {uuid: $uuid})
}"""
execute_extension_action_mutation = """mutation (
    $extension: String!, $action: String!, $params: [[String!]!]!
) {
    executeExtension(params: $params, extension: $extension, action: $action) {
        logExperiment logFile returnCode stderr stdout
    }
}"""
"""Of servers without tasks; on others `AqueductClient` orders a task and waits for it."""
cancel_task_mutation = """mutation ($taskId: UUID!) {
    cancelTask(cancelTaskInput: {taskId: $taskId}) { uuid resultCode taskStatus }
}"""
