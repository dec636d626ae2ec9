/* VYRE_ASSERT stays on in release builds: a broken rule ends the process with its place, not a wrong answer. */
#ifndef VYRE_BASE_ASSERT_H
#define VYRE_BASE_ASSERT_H

_Noreturn void vyre_assert_failed(const char *expression, const char *file, int line);

#define VYRE_ASSERT(expression) ((expression) ? (void)0 : vyre_assert_failed(#expression, __FILE__, __LINE__))
#define VYRE_UNREACHABLE() vyre_assert_failed("unreachable", __FILE__, __LINE__)

#endif
