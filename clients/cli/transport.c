/* SPDX-License-Identifier: MIT */
#include "clients/cli/transport.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct body {
	char *bytes;
	size_t len;
	long status;		/* HTTP's */
};

static size_t collect(char *data, size_t size, size_t nr, void *ctx)
{
	struct body *body = ctx;
	size_t n = size * nr;
	char *bytes = realloc(body->bytes, body->len + n + 1);

	if (!bytes)
		return 0;
	memcpy(bytes + body->len, data, n);
	body->bytes = bytes;
	body->len += n;
	return n;
}

static struct curl_slist *headers(void)
{
	const char *token = getenv("MMAPD_TOKEN");
	struct curl_slist *list;
	char line[512];

	list = curl_slist_append(NULL, "Content-Type: application/json");
	if (!token)
		return list;
	snprintf(line, sizeof(line), "Authorization: Bearer %s", token);
	return curl_slist_append(list, line);
}

/* POST @text to @url; false having said why. */
static bool post(const char *url, const char *text, struct body *body)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *list = headers();
	CURLcode code;

	if (!curl) {
		fprintf(stderr, "mmapctl: libcurl does not start\n");
		return false;
	}
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		fprintf(stderr, "mmapctl: %s: %s\n", url,
			curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &body->status);
	curl_slist_free_all(list);
	curl_easy_cleanup(curl);
	return code == CURLE_OK;
}

/* Why there is no JSON-RPC in the answer. */
static void tell_refusal(const char *url, const json_t *answer,
			 const struct body *body)
{
	const char *why = json_string_value(json_object_get(answer, "error"));

	fprintf(stderr, "mmapctl: %s: HTTP status %ld: %.*s\n", url,
		body->status, why ? (int)strlen(why) : (int)body->len,
		why ? why : body->bytes ? body->bytes : "");
	if (body->status == 401)
		fprintf(stderr, "mmapctl: %s\n", getenv("MMAPD_TOKEN")
			? "the daemon does not take the token of MMAPD_TOKEN"
			: "the daemon wants a token: export MMAPD_TOKEN=…");
}

int call_method(const char *server, const char *method, json_t *params,
		json_t **answer)
{
	json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0",
				    "id", 1, "method", method, "params", params);
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	struct body body = { NULL, 0, 0 };
	char url[1024];

	*answer = NULL;
	snprintf(url, sizeof(url), "%s/rpc", server);
	if (!text)
		fprintf(stderr, "mmapctl: a parameter is not valid UTF-8\n");
	else if (post(url, text, &body))
		*answer = json_loadb(body.bytes ? body.bytes : "", body.len, 0,
				     NULL);
	if (body.status && !json_object_get(*answer, "jsonrpc")) {
		tell_refusal(url, *answer, &body);
		json_decref(*answer);
		*answer = NULL;
	}
	json_decref(request);
	free(text);
	free(body.bytes);
	return *answer ? CLI_OK : CLI_UNREACHABLE;
}
