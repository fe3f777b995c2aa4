// SPDX-License-Identifier: Apache-2.0
/* What --module writes: a provider block and the variables, declared. */
#include "tool.h"

static const char PROVIDER[] =
	"# Written by kubectl rk3k tf-setup --module. The CA is given, so that TLS is verified.\n"
	"terraform {\n"
	"  required_providers {\n"
	"    rancher2 = {\n"
	"      source  = \"rancher/rancher2\"\n"
	"      version = \">= 5.0.0\"\n"
	"    }\n"
	"  }\n"
	"}\n"
	"\n"
	"provider \"rancher2\" {\n"
	"  api_url   = var.rancher_url\n"
	"  token_key = var.rancher_token\n"
	"  ca_certs  = var.rancher_ca_certs\n"
	"}\n";

static const char VARIABLES[] =
	"# Written by kubectl rk3k tf-setup --module; the values are in terraform.tfvars.\n"
	"variable \"rancher_url\" {\n"
	"  description = \"Address of Rancher\"\n"
	"  type        = string\n"
	"}\n"
	"\n"
	"variable \"rancher_token\" {\n"
	"  description = \"API token of Rancher\"\n"
	"  type        = string\n"
	"  sensitive   = true\n"
	"}\n"
	"\n"
	"variable \"rancher_ca_certs\" {\n"
	"  description = \"CA that signed Rancher's certificate; null: the system knows it\"\n"
	"  type        = string\n"
	"  default     = null\n"
	"}\n"
	"\n"
	"variable \"harvester_cluster_id\" {\n"
	"  description = \"Id of the Harvester cluster in Rancher\"\n"
	"  type        = string\n"
	"  default     = null\n"
	"}\n"
	"\n"
	"variable \"harvester_kubeconfig\" {\n"
	"  description = \"File with the kubeconfig of the Harvester cluster\"\n"
	"  type        = string\n"
	"  default     = null\n"
	"}\n";

static int put_module_file(struct job *j, const char *name, const char *text, struct rk_err *err)
{
	rk_auto_free char *path = tf_path(j->o, name);
	rk_auto_buf now = RK_BUF_INIT, want = RK_BUF_INIT;

	rk_buf_puts(&want, text);
	if (tf_read_if_there(path, &now, err) < 0)
		return -1;
	if (!now.len || rk_streq(now.s, text))
		return tf_put_file(path, &want, 0644, err);
	rk_warn("%s is there and differs: left alone", path);
	rk_printf("%s unchanged\n", path);
	return 0;
}

int tf_put_module(struct job *j, struct rk_err *err)
{
	if (put_module_file(j, "rancher-provider.tf", PROVIDER, err) < 0)
		return -1;
	return put_module_file(j, "rancher-variables.tf", VARIABLES, err);
}
