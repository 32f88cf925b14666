/* SPDX-License-Identifier: MIT */
#include "clients/cli/words.h"

#include <string.h>
#include <strings.h>

#define WORD_MAX 64

static int least(int a, int b)
{
	return a < b ? a : b;
}

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

int word_distance(const char *a, const char *b)
{
	int table[WORD_MAX][WORD_MAX];
	const int rows = (int)strlen(a), columns = (int)strlen(b);

	if (rows >= WORD_MAX || columns >= WORD_MAX)
		return WORD_MAX;
	for (int i = 0; i <= rows; i++)
		table[i][0] = i;
	for (int j = 0; j <= columns; j++)
		table[0][j] = j;
	for (int i = 1; i <= rows; i++) {
		for (int j = 1; j <= columns; j++) {
			const bool same = lower(a[i - 1]) == lower(b[j - 1]);
			int best = least(table[i - 1][j], table[i][j - 1]) + 1;

			best = least(best, table[i - 1][j - 1] + !same);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				best = least(best, table[i - 2][j - 2] + 1);
			table[i][j] = best;
		}
	}
	return table[rows][columns];
}

/* Bytes that two words begin with alike. */
static size_t common_start(const char *a, const char *b)
{
	size_t len = 0;

	while (a[len] && lower(a[len]) == lower(b[len]))
		len++;
	return len;
}

/* People rarely mistype how a word begins. */
static bool is_nearer(const struct nearest *n, const char *word, int distance)
{
	if (!n->word || distance != n->distance)
		return !n->word || distance < n->distance;
	return common_start(n->typed, word) > common_start(n->typed, n->word);
}

void nearest_try(struct nearest *n, const char *word)
{
	const size_t typed = strlen(n->typed), len = strlen(word);
	const size_t longer = typed > len ? typed : len;
	int distance = word_distance(n->typed, word);

	if (least((int)typed, (int)len) >= 3 &&
	    !strncasecmp(n->typed, word, typed < len ? typed : len))
		distance = least(distance, 1);
	if ((size_t)distance * 3 > longer + 1 || !is_nearer(n, word, distance))
		return;
	n->word = word;
	n->distance = distance;
}
