// SPDX-License-Identifier: Apache-2.0
/* The long texts of a tool, from its file docs/help/NAME.txt. */
#include "internal.h"

/* Where the text below a line that names a section, of the tool or of a verb, belongs; NULL for any other
 * line of n bytes. */
static const char **section(struct rk_cmd *cmd, struct rk_verb *verbs, const char *line, size_t n)
{
	rk_auto_free char *title = rk_strndup(line, n && line[n - 1] == ':' ? n - 1 : 0);
	char *verb = strrchr(title, ' ');

	for (struct rk_verb *v = verbs; v->run; v++) {
		if (!v->name || !verb || !rk_streq(verb + 1, v->name))
			continue;
		*verb = '\0';
		return rk_streq(title, "Verb")		? &v->description
		       : rk_streq(title, "Exit status") ? &v->exit_status
		       : rk_streq(title, "Examples")	? &v->examples
							: NULL;
	}
	return rk_streq(title, "Files")		? &cmd->files
	       : rk_streq(title, "Exit status") ? &cmd->exit_status
	       : rk_streq(title, "See also")	? &cmd->see_also
	       : rk_streq(title, "Examples")	? &verbs->examples
						: NULL;
}

void rk_cli_texts(struct rk_cmd *cmd)
{
	static struct rk_verb *verbs; /* with their texts */
	static char *text;
	size_t n = 0;
	char *next;

	if (!cmd->help)
		return;
	while (cmd->verbs[n].run)
		n++;
	verbs = rk_calloc(n + 1, sizeof(*verbs));
	memcpy(verbs, cmd->verbs, n * sizeof(*verbs));
	cmd->verbs = verbs;
	cmd->description = next = text = rk_strdup(cmd->help);
	for (char *line; (line = next) && *line;) {
		size_t len = strcspn(line, "\n");
		const char **at = section(cmd, verbs, line, len);

		next = line[len] ? line + len + 1 : NULL;
		if (at) { /* the text before the heading ends here */
			*line = '\0';
			*at = next ? next : "";
		}
	}
}
