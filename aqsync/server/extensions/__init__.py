"""Extensions: what their manifests say, and running their actions as tasks."""
