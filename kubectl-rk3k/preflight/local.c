// SPDX-License-Identifier: Apache-2.0
/* local - what can be checked without the host cluster: programs, objects, versions. */
#include "tool.h"

#include <sys/stat.h>

#include "os/os.h"
#include "steps/steps.h"

static bool on_path(const char *program)
{
	size_t n;

	if (strchr(program, '/'))
		return access(program, X_OK) == 0;
	rk_each_item (dir, n, getenv("PATH"), ":") {
		rk_auto_free char *file = rk_asprintf("%.*s/%s", (int)n, dir, program);
		struct stat st;

		if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && access(file, X_OK) == 0)
			return true;
	}
	return false;
}

void pf_check_programs(struct flight *f)
{
	const char *helm = getenv("HELM_BIN");

	if (!on_path(helm && *helm ? helm : "helm"))
		pf_row(f, STOP, "helm is not on PATH: install Helm 3 or 4");
	else if (!on_path("kubectl"))
		pf_row(f, WARN, "kubectl is not on PATH; rk3k does not need it, you probably do");
	else
		pf_row(f, OK, "helm and kubectl are on PATH");
}

/* Every step's objects can be built: files, secrets, mirror list. */
void pf_check_objects(struct flight *f)
{
	size_t n = 0;

	for (const struct rk_step *step = rk_steps; step->name; step++) {
		rk_auto_doc *d = rk_doc_new(true);
		struct rk_err err = RK_ERR_INIT;
		struct rk_val *objects;

		if (!step->build || !rk_step_applies(step, f->s))
			continue;
		if (rk_step_objects(d, f->s, step, &objects, &err) < 0)
			pf_row_err(f, "", &err);
		else
			n += objects->count;
	}
	pf_row(f, CLEAN, "%zu objects can be made", n);
}

/* Rancher's chart refuses a Kubernetes from some minor version on: 2.9 from 1.31, then one for one; and each
 * release from 2.13 supports three minor versions. */
void pf_check_versions(struct flight *f)
{
	const char *rancher = pf_str(f, RK_KEY_RANCHER_VERSION);
	const char *k3s = pf_str(f, RK_KEY_K3S_VERSION), *k3k = pf_str(f, RK_KEY_K3K_VERSION);
	int64_t r[3], k[3];
	bool known =
		rk_version_parse(rancher, r) && rk_version_parse(k3s, k) && r[0] == 2 && r[1] <= 15;

	if (!*k3s)
		pf_row(f, OK, "k3s follows the host");
	else if (known && r[1] >= 9 && k[1] >= r[1] + 22)
		pf_row(f, STOP,
			"Rancher %s requires a Kubernetes below 1.%lld, and K3S_VERSION is %s",
			rancher, (long long)r[1] + 22, k3s);
	else if (known && r[1] >= 13 && k[1] < r[1] + 19)
		pf_row(f, WARN,
			"Rancher %s is not supported on a Kubernetes below 1.%lld, and K3S_VERSION "
			"is %s",
			rancher, (long long)r[1] + 19, k3s);
	else
		pf_row(f, OK, "Rancher %s on k3s %s", rancher, k3s);
	if (*pf_str(f, RK_KEY_PRIVATE_REGISTRY) && rk_version_cmp(k3k, "1.0.2") < 0)
		pf_row(f, STOP, "k3k %s mounts no registry files: K3K_VERSION 1.0.2 or newer", k3k);
}
