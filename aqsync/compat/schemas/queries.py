"""The texts of queries."""

from __future__ import annotations

from aqsync.compat.schemas.fields import EXPERIMENT, PARAMETER, TASK

get_experiments_query = f"""query (
    $limit: Int!, $offset: Int!, $title: String = null, $startDate: DateTime = null,
    $endDate: DateTime = null, $tags: [String!] = null
) {{
    experiments(limit: $limit, offset: $offset, filters: {{
        title: $title, startDate: $startDate, endDate: $endDate, tags: $tags
    }}) {{ experimentsData {{ {EXPERIMENT} }} totalExperimentsCount }}
}}"""
get_experiment_query = f"""query ($type: IDType!, $value: String!) {{
    experiment(experimentIdentifier: {{value: $value, type: $type}}) {{ {EXPERIMENT} }}
}}"""
get_all_tags_query = """query ($limit: Int, $offset: Int, $dangling: Boolean) {
    tags(limit: $limit, offset: $offset, filters: {includeDangling: $dangling}) {
        tagsData totalTagsCount
    }
}"""
get_all_extensions_query = f"""query {{
    extensions {{ name authors description actions {{
        name description experimentVariableName parameters {{ {PARAMETER} }}
    }} }}
}}"""
get_task_query = f"query ($taskId: UUID!) {{ task(taskId: $taskId) {{ {TASK} }} }}"
get_tasks_query = f"""query (
    $limit: Int!, $offset: Int!, $extensionName: String = null, $actionName: String = null,
    $username: String = null, $experiment: ExperimentIdentifierInput = null,
    $startDate: DateTime = null, $endDate: DateTime = null
) {{
    tasks(offset: $offset, limit: $limit, filters: {{
        extensionName: $extensionName, actionName: $actionName, username: $username,
        experiment: $experiment, startDate: $startDate, endDate: $endDate
    }}) {{ tasksData {{ {TASK} }} totalTasksCount }}
}}"""
