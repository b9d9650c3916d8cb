/* The configuration file named by VISION_SIMULATOR, and the frames it names, mapped into memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "simulator.h"

Config config;
Frames frames;

#define MAGIC "VISFRM1"

typedef struct {
    char magic[8];
    uint32_t width, height, background_count, entry_count;
    uint64_t backgrounds_offset, entries_offset;
} FramesHead;

static int32_t parse_fault(const char *value, int line)
{
    static const char *const names[] = {"incomplete", "dropped", "unplug", "stall", "slow_registers"};
    char name[32];
    long long pack, ms;
    if (sscanf(value, "%31s %lld %lld", name, &pack, &ms) != 3)
        return fail(GC_ERR_INVALID_PARAMETER, "simulator configuration, line %d: fault = KIND PACK MS expected", line);
    if (config.fault_count == FAULTS_MAX)
        return fail(GC_ERR_INVALID_PARAMETER, "simulator configuration, line %d: more than %d faults", line, FAULTS_MAX);
    for (int kind = 0; kind < 5; kind++)
        if (!strcmp(name, names[kind])) {
            config.faults[config.fault_count++] = (Fault){kind, pack, ms * 1000000};
            return GC_ERR_SUCCESS;
        }
    return fail(GC_ERR_INVALID_PARAMETER, "simulator configuration, line %d: unknown fault %s", line, name);
}

static int32_t parse_line(const char *key, const char *value, int line)
{
    static const struct { const char *key; char *text; size_t size; } texts[] = {
        {"serial_number", config.serial_number, sizeof config.serial_number},
        {"user_id", config.user_id, sizeof config.user_id},
        {"frames", config.frames_path, sizeof config.frames_path},
        {"folder", config.folder, sizeof config.folder},
        {"edges", config.edges_path, sizeof config.edges_path},
    };
    static const struct { const char *key; int64_t *number; } numbers[] = {
        {"frame_count", &config.frame_count}, {"loop", &config.loop}, {"frame_id_bits", &config.frame_id_bits},
        {"encoder_counts_per_pack", &config.encoder_counts_per_pack}, {"transfer_ns", &config.transfer_ns},
        {"lead_in_ns", &config.lead_in_ns}, {"frame_id_restarts", &config.frame_id_restarts},
        {"slow_register_ns", &config.slow_register_ns}, {"device_clock_origin_ns", &config.device_clock_origin_ns},
    };
    char *end = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (!strcmp(key, texts[i].key)) {
            if (strlen(value) >= texts[i].size)
                return fail(GC_ERR_INVALID_PARAMETER, "simulator configuration, line %d: %s is too long", line, key);
            strcpy(texts[i].text, value);
            return GC_ERR_SUCCESS;
        }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (!strcmp(key, numbers[i].key)) {
            *numbers[i].number = strtoll(value, &end, 10);
            return *end || end == value ? fail(GC_ERR_INVALID_PARAMETER, "simulator configuration, line %d: %s: a whole number expected", line, key) : 0;
        }
    if (!strcmp(key, "rate_hz") || !strcmp(key, "clock_drift_ppm")) {
        *(key[0] == 'r' ? &config.rate_hz : &config.clock_drift_ppm) = strtod(value, &end);
        return *end || end == value ? fail(GC_ERR_INVALID_PARAMETER, "simulator configuration, line %d: %s: a number expected", line, key) : 0;
    }
    if (!strcmp(key, "fault"))
        return parse_fault(value, line);
    return fail(GC_ERR_INVALID_PARAMETER, "simulator configuration, line %d: unknown key %s", line, key);
}

static int32_t map_frames(void)
{
    int fd = open(config.frames_path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        return fail(GC_ERR_ERROR, "simulator frames %s: %s", config.frames_path, strerror(errno));
    const FramesHead *head = mmap(0, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (head == MAP_FAILED)
        return fail(GC_ERR_ERROR, "simulator frames %s: %s", config.frames_path, strerror(errno));
    frames = (Frames){.bytes = (const uint8_t *)head, .size = (size_t)status.st_size};
    size_t end = frames.size;
    bool sound = end >= sizeof *head && !memcmp(head->magic, MAGIC, sizeof MAGIC) && head->width && head->height && head->entry_count &&
                 head->background_count && head->backgrounds_offset + (uint64_t)head->background_count * head->width * head->height <= end &&
                 head->entries_offset + (uint64_t)head->entry_count * sizeof(FrameEntry) <= end;
    const FrameEntry *entries = (const FrameEntry *)(frames.bytes + (sound ? head->entries_offset : 0));
    for (uint32_t i = 0; sound && i < head->entry_count; i++) {
        const FrameEntry *e = &entries[i];
        sound = e->background < head->background_count && (uint64_t)e->x + e->width <= head->width &&
                (uint64_t)e->y + e->height <= head->height && e->offset + (uint64_t)e->width * e->height <= end;
    }
    if (!sound) {
        munmap((void *)frames.bytes, frames.size);
        frames = (Frames){0};
        return fail(GC_ERR_ERROR, "simulator frames %s: not a frames file, or torn", config.frames_path);
    }
    frames.width = head->width;
    frames.height = head->height;
    frames.background_count = head->background_count;
    frames.entry_count = head->entry_count;
    frames.backgrounds = frames.bytes + head->backgrounds_offset;
    frames.entries = entries;
    return GC_ERR_SUCCESS;
}

int32_t load_config(void)
{
    const char *path = getenv("VISION_SIMULATOR");
    if (!path || !*path)
        return fail(GC_ERR_ERROR, "VISION_SIMULATOR names no configuration file");
    FILE *file = fopen(path, "re");
    if (!file)
        return fail(GC_ERR_ERROR, "simulator configuration %s: %s", path, strerror(errno));
    memset(&config, 0, sizeof config);
    config.loop = 1;
    config.frame_id_bits = 64;
    config.encoder_counts_per_pack = 1000;
    config.rate_hz = 10;
    char text[2048];
    int32_t code = GC_ERR_SUCCESS;
    for (int line = 1; code == GC_ERR_SUCCESS && fgets(text, sizeof text, file); line++) {
        text[strcspn(text, "\r\n")] = 0;
        char *equals = strstr(text, " = ");
        if (!*text || *text == '#')
            continue;
        if (!equals)
            code = fail(GC_ERR_INVALID_PARAMETER, "simulator configuration, line %d: key = value expected", line);
        else {
            *equals = 0;
            code = parse_line(text, equals + 3, line);
        }
    }
    fclose(file);
    if (code == GC_ERR_SUCCESS && (config.rate_hz <= 0 || config.encoder_counts_per_pack < 1 || !*config.folder))
        code = fail(GC_ERR_INVALID_PARAMETER, "simulator configuration %s: rate_hz, encoder_counts_per_pack or folder missing", path);
    return code == GC_ERR_SUCCESS ? map_frames() : code;
}

void unload_config(void)
{
    if (frames.bytes)
        munmap((void *)frames.bytes, frames.size);
    frames = (Frames){0};
}
