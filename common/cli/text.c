// SPDX-License-Identifier: Apache-2.0
/* The long texts of a tool, from its file docs/help/NAME.txt. */
#include "internal.h"

/* Whether line is "TITLE:" or, for a verb with a name, "TITLE VERB:". */
static bool is_title(const char *line, const char *title, const char *verb)
{
	rk_auto_free char *want = rk_asprintf("%s%s%s:", title, verb ? " " : "", verb ? verb : "");

	return rk_streq(line, want);
}

/* Where the text below a line that names a section belongs; NULL for any other line. */
static const char **section(struct rk_cmd *cmd, struct rk_verb *verbs, const char *line)
{
	if (is_title(line, "Files", NULL))
		return &cmd->files;
	if (is_title(line, "Exit status", NULL))
		return &cmd->exit_status;
	if (is_title(line, "See also", NULL))
		return &cmd->see_also;
	if (is_title(line, "Examples", NULL))
		return &verbs->examples;
	for (struct rk_verb *v = verbs; v->run; v++) {
		if (!v->name)
			continue;
		if (is_title(line, "Verb", v->name))
			return &v->description;
		if (is_title(line, "Exit status", v->name))
			return &v->exit_status;
		if (is_title(line, "Examples", v->name))
			return &v->examples;
	}
	return NULL;
}

void rk_cli_texts(struct rk_cmd *cmd, struct rk_texts *t)
{
	size_t n = 0, len;

	*t = (struct rk_texts){0};
	if (!cmd->help)
		return;
	while (cmd->verbs[n].run)
		n++;
	t->verbs = rk_calloc(n + 1, sizeof(*t->verbs));
	memcpy(t->verbs, cmd->verbs, n * sizeof(*t->verbs));
	cmd->verbs = t->verbs;
	t->text = rk_strdup(cmd->help);
	cmd->description = t->text;
	for (char *line = t->text, *end; *line; line = end + 1) {
		rk_auto_free char *copy = rk_strndup(line, len = strcspn(line, "\n"));
		const char **at = section(cmd, t->verbs, copy);

		end = line + len;
		if (at) {
			*line = '\0';
			*at = end + (*end == '\n');
		}
		if (!*end)
			break;
	}
}

void rk_cli_texts_release(struct rk_texts *t)
{
	free(t->text);
	free(t->verbs);
}
