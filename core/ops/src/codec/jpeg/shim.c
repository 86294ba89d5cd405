/* Decodes a JPEG through libjpeg-turbo, all but its entropy-coded data, which the caller reads.
 *
 * TurboJPEG has no way to do that, so this calls the library below it. Called by baseline/pixels.rs,
 * which has looked at the header before. Whatever libjpeg says, be it a warning, ends it: the file
 * is then decoded the general way. No jump crosses a frame of the caller's: libjpeg calls it for
 * one MCU at a time, and it says no by what it returns.
 */

#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

/* As in libjpeg-turbo's jpegint.h, which is not among the headers that it installs. */
struct jpeg_entropy_decoder {
  void (*start_pass)(j_decompress_ptr info);
  boolean (*decode_mcu)(j_decompress_ptr info, JBLOCKROW *blocks);
};

/* What is decoded, and where to. */
struct pixmill_task {
  const unsigned char *source;
  size_t length;
  /* 1, 2, 4 or 8: the part of each side that is made, and the size that comes of it. */
  unsigned denominator, width, height;
  /* Blocks of an MCU. */
  int blocks;
  /* RGB, rows without gaps. */
  unsigned char *pixels;
  /* Reads the next MCU into blocks of zeros; 0 ends it. */
  int (*read)(void *scan, JBLOCKROW *blocks);
  void *scan;
};

struct failure {
  struct jpeg_error_mgr manager;
  jmp_buf place;
};

static void fail(j_common_ptr info)
{
  longjmp(((struct failure *)info->err)->place, 1);
}

static void fail_if_warned(j_common_ptr info, int level)
{
  if (level < 0)
    fail(info);
}

static boolean read_mcu(j_decompress_ptr info, JBLOCKROW *blocks)
{
  const struct pixmill_task *task = (const struct pixmill_task *)info->client_data;
  return task->read(task->scan, blocks) != 0;
}

/* Whether the header says what the task says, of a picture in one scan. */
static int is_as_told(j_decompress_ptr info, const struct pixmill_task *task)
{
  return info->output_width == task->width && info->output_height == task->height &&
         info->output_components == 3 && info->num_components == 3 && info->comps_in_scan == 3 &&
         info->blocks_in_MCU == task->blocks && !info->progressive_mode && !info->arith_code;
}

/* Decodes row after row; returns whether all of them were there. */
static int decode(j_decompress_ptr info, const struct pixmill_task *task)
{
  const size_t row = (size_t)3 * task->width;

  jpeg_mem_src(info, task->source, (unsigned long)task->length);
  jpeg_read_header(info, TRUE);
  info->out_color_space = JCS_EXT_RGB;
  info->scale_num = 1;
  info->scale_denom = task->denominator;
  jpeg_start_decompress(info);
  if (!is_as_told(info, task))
    return 0;
  info->entropy->decode_mcu = read_mcu;
  while (info->output_scanline < info->output_height) {
    unsigned char *rows[16];
    unsigned first = info->output_scanline, left = info->output_height - first, i;
    unsigned count = left < 16 ? left : 16;

    for (i = 0; i < count; i++)
      rows[i] = task->pixels + row * (first + i);
    if (jpeg_read_scanlines(info, rows, count) == 0)
      return 0;
  }
  return 1;
}

/* Returns 1 if all of it was decoded. */
int pixmill_decode(const struct pixmill_task *task)
{
  struct jpeg_decompress_struct info;
  struct failure failure;
  int done;

  memset(&info, 0, sizeof(info));
  info.err = jpeg_std_error(&failure.manager);
  failure.manager.error_exit = fail;
  failure.manager.emit_message = fail_if_warned;
  if (setjmp(failure.place)) {
    jpeg_destroy_decompress(&info);
    return 0;
  }
  jpeg_create_decompress(&info);
  info.client_data = (void *)task;
  done = decode(&info, task);
  jpeg_destroy_decompress(&info);
  return done;
}
