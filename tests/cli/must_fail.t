# Each case is wrong in one way; the runner must say so of all of them.
$ echo a
| b

$ echo a

$ true
| a

$ echo a >&2
| a

$ exit 3

$ true
= 3

$ printf a
| a

$ echo 'a*'
| a\*\*

$ printf 'a\nb\n'
| ...
| a

$ echo
