/* Samples and output: rows.h. */
#include "rows.h"

/* ---------- output ---------- */
static char obuf[65536];
static int on;
int immediate;
void oflush(void)
{
	int o = 0;
	while (o < on) {
		long r = Write(1, obuf + o, on - o);
		if (r <= 0)
			break;
		o += (int)r;
	}
	on = 0;
}
void oc(char c)
{
	if (on == (int)sizeof obuf)
		oflush();
	obuf[on++] = c;
}
void os(const char *s)
{
	while (*s)
		oc(*s++);
}
void ou(u64 v)
{
	char b[24];
	int i = 0;
	do {
		b[i++] = '0' + v % 10;
		v /= 10;
	} while (v);
	while (i)
		oc(b[--i]);
}
void ocent(u64 v100)
{
	ou(v100 / 100);
	oc('.');
	oc('0' + v100 / 10 % 10);
	oc('0' + v100 % 10);
}
void skip(const char *nm, long e)
{
	os("skip ");
	os(nm);
	oc(' ');
	ou((u64)(e < 0 ? -e : e));
	oc('\n');
	if (immediate)
		oflush();
}

/* ---------- samples ---------- */
u64 St[MAXS], Sn[MAXS];
int S, reps = 15;
u64 t0_, n0_;

static void line(const char *nm, const char *sfx, u64 *a, const char *unit, u64 div)
{
	int i, j;
	for (i = 1; i < S; i++) {
		u64 v = a[i];
		for (j = i; j > 0 && a[j - 1] > v; j--)
			a[j] = a[j - 1];
		a[j] = v;
	}
	u64 med = (S & 1) ? a[S / 2] : (a[S / 2 - 1] + a[S / 2]) / 2;
	os("bench ");
	os(nm);
	os(sfx);
	oc(' ');
	ocent(med * 100 / div);
	oc(' ');
	os(unit);
	oc(' ');
	ou((u64)S);
	os(" min=");
	ocent(a[0] * 100 / div);
	os(" max=");
	ocent(a[S - 1] * 100 / div);
	oc('\n');
}
void report2(const char *nm, const char *sfx, u64 div)
{
	if (S == 0) {
		skip(nm, 1);
		return;
	}
	line(nm, sfx, Sn, "ns", div);
	line(nm, sfx, St, "tsc", div);
	if (immediate)
		oflush();
}
void report(const char *nm, u64 div)
{
	report2(nm, "", div);
}
/* one extra value measured elsewhere (tsc only) */
void one_tsc(const char *nm, const char *sfx, u64 *a, int n, u64 div)
{
	int s = S;
	S = n;
	line(nm, sfx, a, "tsc", div);
	S = s;
	if (immediate)
		oflush();
}
