/* What the parser asks the grid to do. Positions count from 0; outside the grid means its edge. */
#pragma once

#include "arch/x86_64/dev/console/vt.h"

void vt_put(struct vt *vt, u32 ch); /* one printable character */
void vt_control(struct vt *vt, u8 c);
void vt_move(struct vt *vt, s64 row, s64 col);
void vt_move_vertical(struct vt *vt, s64 n);
void vt_index(struct vt *vt);
void vt_reverse_index(struct vt *vt);
void vt_erase(struct vt *vt, u32 row, u32 from, u32 to);
void vt_erase_rows(struct vt *vt, u32 from, u32 to);
void vt_scroll_up(struct vt *vt, u32 top, u32 bottom, u32 n);
void vt_scroll_down(struct vt *vt, u32 top, u32 bottom, u32 n);
void vt_shift_chars(struct vt *vt, u32 n, bool insert);
void vt_show_alternate(struct vt *vt, bool alternate);
void vt_reset_attributes(struct vt *vt);
void vt_reset(struct vt *vt);
