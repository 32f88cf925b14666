/* SPDX-License-Identifier: MIT */
/*
 * Words that were mistyped, and the ones that were meant. A word is near another
 * when few edits lead from one to the other: a letter added, left out, replaced,
 * or two neighbours exchanged.
 */
#ifndef CLIENTS_CLI_WORDS_H
#define CLIENTS_CLI_WORDS_H

#include <stdbool.h>

/* The search for the nearest of many words. Zero to begin with, but for @typed. */
struct nearest {
	const char *typed;	/* the word that was typed */
	const char *word;	/* the nearest so far; NULL: none is near */
	int distance;		/* edits from @typed to @word, where there is one */
};

/**
 * word_distance - how many edits lead from one word to another
 * @a: a word
 * @b: another
 *
 * An edit adds, leaves out or replaces a byte, or exchanges two neighbours; case
 * does not count (optimal string alignment).
 * Returns: the number of edits; 64 where a word is longer than 63 bytes.
 * Cost: the product of the lengths.
 */
int word_distance(const char *a, const char *b);

/**
 * nearest_try - consider one more word
 * @n:    the search
 * @word: a word that may have been meant; it must outlive the search
 *
 * The word is kept where it is nearer than the one before, or as near and begins with
 * more of what was typed. Near at all is a word of which at most a third of the letters
 * differ, and one that begins with the other of the two (three letters or more).
 */
void nearest_try(struct nearest *n, const char *word);

#endif
