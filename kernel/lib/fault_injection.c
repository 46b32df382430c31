/* Fault injection. The counters are estimates, but exactly one pass fails. */
#include "kernel/lib/fault_injection.h"

#include "kernel/lib/string.h"
#include "kernel/lib/uapi.h"

bool fault_hit(struct fault_site *site)
{
	u32 n = __atomic_load_n(&site->countdown, __ATOMIC_RELAXED);

	do {
		if (n == 0) /* another CPU's pass has failed */
			return false;
	} while (!__atomic_compare_exchange_n(&site->countdown, &n, n - 1, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	if (n > 1)
		return false;
	site->failures++;
	return true;
}

int fault_arm(const char *name, u32 n)
{
	LINKER_SET_FOREACH(fault_sites, it)
	{
		if (strcmp((*it)->name, name) == 0) {
			__atomic_store_n(&(*it)->countdown, n, __ATOMIC_RELAXED);
			return 0;
		}
	}
	return -ENOENT;
}

int fault_parse(const char *spec)
{
	const char *colon = strchr(spec, ':');
	char name[32];
	u64 n;

	if (colon == NULL || colon == spec || (size_t)(colon - spec) >= sizeof(name))
		return -EINVAL;
	strlcpy(name, spec, (size_t)(colon - spec) + 1);
	if (parse_u64(colon + 1, &n) != 0 || n > UINT32_MAX)
		return -EINVAL;
	return fault_arm(name, (u32)n);
}
