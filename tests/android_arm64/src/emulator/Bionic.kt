package org.pushauthenticator

import com.github.unidbg.Emulator
import com.github.unidbg.Module
import com.github.unidbg.arm.ARMEmulator
import com.github.unidbg.arm.backend.Backend
import com.github.unidbg.arm.backend.Unicorn2Factory
import com.github.unidbg.file.FileResult
import com.github.unidbg.file.FileSystem
import com.github.unidbg.file.linux.AndroidFileIO
import com.github.unidbg.file.linux.LinuxFileSystem
import com.github.unidbg.file.linux.StatStructure
import com.github.unidbg.linux.ARM64SyscallHandler
import com.github.unidbg.linux.android.AndroidARM64Emulator
import com.github.unidbg.linux.android.AndroidResolver
import com.github.unidbg.linux.file.DirectoryFileIO
import com.github.unidbg.linux.file.SimpleFileIO
import com.github.unidbg.memory.SvcMemory
import com.github.unidbg.unix.UnixSyscallHandler
import java.io.File
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Files
import unicorn.Arm64Const

/**
 * A process of Android 6 on arm64: bionic's libc with its allocator, run by a processor emulator, with the system calls
 * that SQLite makes. Closing it kills the process: none of the library's code runs then.
 */
class Bionic : AndroidARM64Emulator("org.pushauthenticator", Disk.system, listOf(Unicorn2Factory(true))) {
    init {
        memory.setLibraryResolver(AndroidResolver(API))
    }

    override fun createFileSystem(system: File): FileSystem<AndroidFileIO> = Disk(this, system)
    override fun createSyscallHandler(svcMemory: SvcMemory): UnixSyscallHandler<AndroidFileIO> = Kernel(svcMemory)

    /**
     * Loads a library as the linker of Android 9 does. The emulator's linker does not support packed relative
     * relocations (DT_RELR), so they are applied here: an even word is the address of one, and the bits of an odd word
     * say which of the 63 following places are relocations too.
     */
    fun load(library: File): Module {
        val module = loadLibrary(library, false)
        val (place, size) = packed(module, library)
        var next = 0L
        for (word in words(module.base + place, size)) {
            if (word and 1 == 0L) {
                relocate(module, word)
                next = word + 8
            } else {
                for (bit in 1..63) if (word ushr bit and 1 == 1L) relocate(module, next + (bit - 1) * 8)
                next += 63 * 8
            }
        }
        return module
    }

    private fun relocate(module: Module, place: Long) {
        val word = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN)
        word.putLong(words(module.base + place, 8).single() + module.base)
        backend.mem_write(module.base + place, word.array())
    }

    /** Returns where the packed relocations are, and their size in bytes. */
    private fun packed(module: Module, library: File): Pair<Long, Long> {
        val file = ByteBuffer.wrap(library.readBytes()).order(ByteOrder.LITTLE_ENDIAN)
        val first = file.getLong(PROGRAM_HEADERS_AT).toInt()
        val headers = List(file.getShort(PROGRAM_HEADERS).toInt()) { first + it * PROGRAM_HEADER }
        val dynamic = headers.single { file.getInt(it) == PT_DYNAMIC }
        val (place, size) = file.getLong(dynamic + 16) to file.getLong(dynamic + 32)
        val entries = words(module.base + place, size).chunked(2).associate { it[0] to it[1] }
        return entries.getValue(DT_RELR) to entries.getValue(DT_RELRSZ)
    }

    private fun words(place: Long, size: Long): List<Long> {
        val bytes = ByteBuffer.wrap(backend.mem_read(place, size)).order(ByteOrder.LITTLE_ENDIAN)
        return List((size / 8).toInt()) { bytes.long }
    }

    private companion object {
        const val API = 23

        const val PROGRAM_HEADERS_AT = 32
        const val PROGRAM_HEADERS = 56
        const val PROGRAM_HEADER = 56
        const val PT_DYNAMIC = 2
        const val DT_RELRSZ = 35L
        const val DT_RELR = 36L
    }
}

/**
 * The app's files: the JVM's folder for temporary files, under the same path. The emulator provides all other files.
 */
class Disk(emulator: Emulator<AndroidFileIO>, system: File) : LinuxFileSystem(emulator, system) {
    override fun open(path: String, flags: Int): FileResult<AndroidFileIO> {
        val file = File(path)
        // Folders, including the parents of this one, are only inspected: SQLite makes sure that a path contains no
        // links.
        val isOurs = file.startsWith(files) || files.startsWith(file)
        if (isOurs && file.isDirectory) return FileResult.success(DirectoryFileIO(flags, path))
        if (!file.startsWith(files)) return super.open(path, flags)
        if (!file.exists()) {
            if (flags and CREATE == 0 || !file.parentFile.isDirectory) return FileResult.failed(NO_ENTRY)
            file.createNewFile()
        }
        return FileResult.success(DiskFile(flags, file, path))
    }

    override fun unlink(path: String) {
        if (File(path).startsWith(files)) File(path).delete() else super.unlink(path)
    }

    companion object {
        private const val CREATE = 0x40
        private const val NO_ENTRY = 2
        private val files = File(System.getProperty("java.io.tmpdir")).absoluteFile

        /** Whether the disk is full. */
        var isFull = false

        /** Where the emulator keeps files. */
        val system: File get() = File(files, "system").apply { mkdirs() }
    }
}

/** An open file with positional reads and writes. */
private class DiskFile(flags: Int, file: File, path: String) : SimpleFileIO(flags, file, path) {
    private val content = RandomAccessFile(file, "rw")

    fun readAt(offset: Long, count: Int): ByteArray {
        val bytes = ByteArray(count)
        var there = 0
        content.seek(offset)
        while (there < count) {
            val more = content.read(bytes, there, count - there)
            if (more <= 0) break
            there += more
        }
        return bytes.copyOf(there)
    }

    fun writeAt(offset: Long, bytes: ByteArray) {
        content.seek(offset)
        content.write(bytes)
    }

    override fun ftruncate(length: Int): Int {
        content.setLength(length.toLong())
        return 0
    }

    /** SQLite distinguishes files by their inode numbers. */
    override fun fstat(emulator: Emulator<*>, stat: StatStructure): Int {
        super.fstat(emulator, stat)
        stat.st_mode = REGULAR or 0x180
        stat.st_nlink = 1
        stat.st_ino = if (file.exists()) (Files.getAttribute(file.toPath(), "unix:ino") as Number).toLong() else 1
        stat.pack()
        return 0
    }

    override fun close() {
        content.close()
        super.close()
    }

    private companion object {
        const val REGULAR = 0x8000
    }
}

/** The phone's clock, in epoch milliseconds: the machine's, until a test sets it. */
object Clock {
    var now: () -> Long = System::currentTimeMillis
}

/** The system calls that the emulator lacks, with [Clock] and [Disk]. */
private class Kernel(memory: SvcMemory) : ARM64SyscallHandler(memory) {
    override fun hook(backend: Backend, number: Int, service: Int, user: Any?) {
        val result = if (number == ARMEmulator.EXCP_SWI && service == 0) handled(backend) else null
        if (result != null) backend.reg_write(Arm64Const.UC_ARM64_REG_X0, result)
        else super.hook(backend, number, service, user)
    }

    /** Returns the result of the call, or null if the emulator should handle it. */
    private fun handled(backend: Backend): Long? {
        fun argument(at: Int): Long = backend.reg_read(Arm64Const.UC_ARM64_REG_X0 + at).toLong()
        val call = backend.reg_read(Arm64Const.UC_ARM64_REG_X8).toInt()
        if (call == CLOCK_GETTIME && argument(0) == REALTIME) return tell(backend, argument(1), 1_000_000)
        if (call == GETTIMEOFDAY) return tell(backend, argument(0), 1000)
        if (call in DONE_AT_ONCE) return 0
        val file = fdMap[argument(0).toInt()] as? DiskFile ?: return null
        return when (call) {
            PREAD64 -> file.readAt(argument(3), argument(2).toInt()).let { bytes ->
                backend.mem_write(argument(1), bytes)
                bytes.size.toLong()
            }
            PWRITE64 -> if (Disk.isFull) NO_SPACE else argument(2).also { count ->
                file.writeAt(argument(3), backend.mem_read(argument(1), count))
            }
            FCNTL -> {
                if (argument(1) == GET_LOCK) backend.mem_write(argument(2), byteArrayOf(UNLOCKED, 0))
                0
            }
            else -> null
        }
    }

    private fun tell(backend: Backend, place: Long, perMillisecond: Long): Long {
        val now = Clock.now()
        val both = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN)
        both.putLong(now / 1000).putLong(now % 1000 * perMillisecond)
        backend.mem_write(place, both.array())
        return 0
    }

    private companion object {
        const val FCNTL = 25
        const val PREAD64 = 67
        const val PWRITE64 = 68
        const val CLOCK_GETTIME = 113
        const val GETTIMEOFDAY = 169

        /** fchmod, fchown, fsync, fdatasync and utimensat, also of folders. */
        val DONE_AT_ONCE = setOf(52, 55, 82, 83, 88)

        const val REALTIME = 0L
        const val GET_LOCK = 5L
        const val UNLOCKED: Byte = 2
        const val NO_SPACE = -28L
    }
}
