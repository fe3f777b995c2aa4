// SPDX-License-Identifier: Apache-2.0
/* bare - the yardstick for cert-sync: the least that libcurl can do for the same requests.
 *
 * bare DIR PLAN: reads a plan, one request a line: `SERVER METHOD URL [BODYFILE]`, where
 * SERVER picks the identity in DIR/SERVER.{ca,crt,key} and its own connection. No parsing, no
 * checks of the answers beyond their status. DIR/SERVER.connect, when there, holds where to connect
 * whatever the URL's name is, as curl --connect-to. Not part of the product. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static CURL *handles[26];

static size_t drop(char *p, size_t size, size_t n, void *arg)
{
	(void)p;
	(void)arg;
	return size * n;
}

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *s = calloc(1, 1 << 20);

	if (!f || !s || !fread(s, 1, (1 << 20) - 1, f))
		exit(1);
	fclose(f);
	return s;
}

static CURL *server(const char *dir, char name)
{
	CURL **h = &handles[name - 'a'];
	char path[3][512];

	if (*h)
		return *h;
	*h = curl_easy_init();
	snprintf(path[0], sizeof(path[0]), "%s/%c.ca", dir, name);
	snprintf(path[1], sizeof(path[1]), "%s/%c.crt", dir, name);
	snprintf(path[2], sizeof(path[2]), "%s/%c.key", dir, name);
	curl_easy_setopt(*h, CURLOPT_CAINFO, path[0]);
	curl_easy_setopt(*h, CURLOPT_SSLCERT, path[1]);
	curl_easy_setopt(*h, CURLOPT_SSLKEY, path[2]);
	curl_easy_setopt(*h, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(*h, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(*h, CURLOPT_PROXY, "");
	snprintf(path[0], sizeof(path[0]), "%s/%c.connect", dir, name);
	if (access(path[0], R_OK) == 0)
		curl_easy_setopt(*h, CURLOPT_CONNECT_TO, curl_slist_append(NULL, slurp(path[0])));
	return *h;
}

static int request(
	const char *dir, char name, const char *method, const char *url, const char *body)
{
	struct curl_slist *headers = NULL;
	CURL *h = server(dir, name);
	char *bytes = body ? slurp(body) : NULL;
	long status = 0;
	CURLcode rc;

	curl_easy_setopt(h, CURLOPT_URL, url);
	curl_easy_setopt(h, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method);
	if (bytes) {
		headers = curl_slist_append(headers, "Content-Type: application/apply-patch+yaml");
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, bytes);
	}
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
	rc = curl_easy_perform(h);
	curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
	if (rc || status >= 500)
		fprintf(stderr, "bare: %s %s: %s, %ld\n", method, url, curl_easy_strerror(rc),
			status);
	curl_slist_free_all(headers);
	free(bytes);
	return rc || status >= 500;
}

int main(int argc, char **argv)
{
	char line[4096], method[16], url[2048], body[1024], name;
	FILE *plan;
	int bad = 0;

	if (argc != 3 || !(plan = fopen(argv[2], "r")))
		return 2;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	while (fgets(line, sizeof(line), plan)) {
		int n = sscanf(line, " %c %15s %2047s %1023s", &name, method, url, body);

		if (n >= 3 && name >= 'a' && name <= 'z')
			bad |= request(argv[1], name, method, url, n == 4 ? body : NULL);
	}
	return bad;
}
