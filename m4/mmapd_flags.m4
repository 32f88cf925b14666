# SPDX-License-Identifier: MIT
# The compiler flags of mmapd, each set in a variable of its own:
#
#   MMAPD_CFLAGS, MMAPD_LDFLAGS    everything: standard, warnings, sanitizers
#   MMCORE_CFLAGS                  mmcore on top of these
#   SERVER_CFLAGS, SERVER_LDFLAGS  hardening of what faces a network

# MMAPD_ARG_SWITCH(NAME, HELP)
# --enable-NAME, off by default; sets enable_NAME to yes or no.
AC_DEFUN([MMAPD_ARG_SWITCH],
[AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$2])],
  [AS_CASE([$enableval], [yes|no], [],
     [AC_MSG_ERROR([--enable-$1 takes yes or no, not $enableval])])],
  [enable_$1=no])])

# MMAPD_DEFAULT_CFLAGS
# What CFLAGS is where the builder gave none; before AC_PROG_CC. What is fuzzed
# is sanitized as well.
AC_DEFUN([MMAPD_DEFAULT_CFLAGS],
[AC_BEFORE([$0], [AC_PROG_CC])
AS_IF([test "$enable_fuzz" = yes], [enable_sanitize=yes])
AS_IF([test -z "${CFLAGS+set}"],
  [AS_IF([test "$enable_coverage" = yes], [CFLAGS="-O0 -g"],
         [test "$enable_fuzz" = yes], [CFLAGS="-O2 -g"],
         [test "$enable_sanitize" = yes], [CFLAGS="-O1 -g"],
         [CFLAGS="-O2 -g"])])])

# MMAPD_TRY_FLAG(VARIABLE, FLAG, [LINK-ALSO: yes])
# Append FLAG to VARIABLE if the compiler takes it without complaint.
AC_DEFUN([MMAPD_TRY_FLAG],
[AS_VAR_PUSHDEF([cached], [mmapd_cv_flag_$1_$2])dnl
AC_CACHE_CHECK([whether $CC takes $2], [cached],
  [mmapd_save_CFLAGS=$CFLAGS
   CFLAGS="$CFLAGS -Werror $2"
   m4_if([$3], [yes], [AC_LINK_IFELSE], [AC_COMPILE_IFELSE])(
     [AC_LANG_PROGRAM([[#include <string.h>]], [[]])],
     [AS_VAR_SET([cached], [yes])], [AS_VAR_SET([cached], [no])])
   CFLAGS=$mmapd_save_CFLAGS])
AS_VAR_IF([cached], [yes], [AS_VAR_APPEND([$1], [" $2"])])
AS_VAR_POPDEF([cached])])

AC_DEFUN([MMAPD_WARNINGS],
[MMAPD_CFLAGS="-std=gnu11"
m4_foreach_w([flag],
  [-Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes
   -Wold-style-definition -Wpointer-arith -Wvla -Wundef -Wwrite-strings
   -Wformat=2 -Wimplicit-fallthrough -Wduplicated-cond -Wlogical-op
   -Wno-missing-field-initializers],
  [MMAPD_TRY_FLAG([MMAPD_CFLAGS], flag)])
AS_IF([test "$enable_werror" = yes], [AS_VAR_APPEND([MMAPD_CFLAGS], [" -Werror"])])
# The core calls nothing that it does not name: no runtime of the compiler's.
MMCORE_CFLAGS=
MMAPD_TRY_FLAG([MMCORE_CFLAGS], [-fno-stack-protector])
MMAPD_TRY_FLAG([MMCORE_CFLAGS], [-fno-tree-loop-distribute-patterns])
MMAPD_TRY_FLAG([MMCORE_CFLAGS], [-Wdeclaration-after-statement])
# Inlined copies are "rep movs", which costs more than the few bytes it moves.
MMAPD_TRY_FLAG([MMCORE_CFLAGS], [-mstringop-strategy=libcall])
AC_SUBST([MMAPD_CFLAGS])
AC_SUBST([MMAPD_LDFLAGS])
AC_SUBST([MMCORE_CFLAGS])])

# Sanitized builds also run mmcore's costly checks (mmcore/lib/assert.h).
AC_DEFUN([MMAPD_SANITIZE],
[AM_CONDITIONAL([SANITIZE], [test "$enable_sanitize" = yes])
AS_IF([test "$enable_sanitize" = yes],
  [mmapd_san="-fsanitize=address,undefined -fno-sanitize-recover=all"
   mmapd_save_CFLAGS=$CFLAGS
   CFLAGS="$CFLAGS $mmapd_san"
   AC_MSG_CHECKING([whether sanitized programs link])
   AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])
      AC_MSG_ERROR([the compiler's sanitizer libraries are missing])])
   CFLAGS=$mmapd_save_CFLAGS
   AS_VAR_APPEND([MMAPD_CFLAGS],
     [" $mmapd_san -fno-omit-frame-pointer -DMM_CHECKS"])
   AS_VAR_APPEND([MMAPD_LDFLAGS], [" $mmapd_san"])])])

AC_DEFUN([MMAPD_COVERAGE],
[AM_CONDITIONAL([COVERAGE], [test "$enable_coverage" = yes])
AS_IF([test "$enable_coverage" = yes],
  [AS_VAR_APPEND([MMAPD_CFLAGS], [" --coverage -fprofile-update=atomic"])
   AS_VAR_APPEND([MMAPD_LDFLAGS], [" --coverage"])])])

# Everything is sanitized and instrumented for libFuzzer; only the programs of
# tests/fuzz link its main(). It is not told of mmcore's comparisons: they are of
# addresses, which stand in no input as they are.
AC_DEFUN([MMAPD_FUZZ],
[AM_CONDITIONAL([FUZZ], [test "$enable_fuzz" = yes])
AS_IF([test "$enable_fuzz" = yes],
  [mmapd_save_CFLAGS=$CFLAGS
   CFLAGS="$CFLAGS -fsanitize=fuzzer"
   AC_MSG_CHECKING([whether $CC has libFuzzer])
   AC_LINK_IFELSE([AC_LANG_SOURCE(
     [[int LLVMFuzzerTestOneInput(const char *d, unsigned long n)
       { (void)d; (void)n; return 0; }]])], [AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])
      AC_MSG_ERROR([--enable-fuzz needs libFuzzer: try CC=clang])])
   CFLAGS=$mmapd_save_CFLAGS
   mmapd_unwatched=`cd "$srcdir" && pwd`/tests/fuzz/unwatched.txt
   AS_VAR_APPEND([MMAPD_CFLAGS], [" -fsanitize=fuzzer-no-link"])
   AS_VAR_APPEND([MMAPD_CFLAGS],
     [" -fsanitize-coverage-ignorelist=$mmapd_unwatched"])
   AS_VAR_APPEND([MMCORE_CFLAGS], [" -fno-sanitize-coverage=trace-cmp"])
   FUZZ_LDFLAGS="-fsanitize=fuzzer"])
AC_SUBST([FUZZ_LDFLAGS])])

AC_DEFUN([MMAPD_HARDENING],
[SERVER_CFLAGS="-pthread"
SERVER_LDFLAGS="-pthread"
AS_IF([test "$enable_sanitize$enable_coverage$enable_fuzz" = nonono],
  [MMAPD_TRY_FLAG([SERVER_CFLAGS], [-fstack-protector-strong], [yes])
   MMAPD_TRY_FLAG([SERVER_CFLAGS], [-fstack-clash-protection], [yes])
   MMAPD_TRY_FLAG([SERVER_CFLAGS], [-fcf-protection], [yes])
   MMAPD_TRY_FLAG([SERVER_CFLAGS], [-D_FORTIFY_SOURCE=2], [yes])
   MMAPD_TRY_FLAG([SERVER_LDFLAGS], [-Wl,-z,relro,-z,now], [yes])
   MMAPD_TRY_FLAG([SERVER_LDFLAGS], [-Wl,-z,noexecstack], [yes])])
AC_SUBST([SERVER_CFLAGS])
AC_SUBST([SERVER_LDFLAGS])])
