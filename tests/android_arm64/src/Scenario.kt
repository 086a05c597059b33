package org.pushauthenticator
import java.io.File
fun main(arguments: Array<String>) {
    val root = folder().toFile()
    File(root, "data/app").mkdirs()
    Border.start(File(arguments[0]), root)
    uniffiEnsureInitialized()
    println("loaded")
    val bad = ByteArray(24).also { it[0] = 5 }
    println(Border.running.freed(bad))
    val core = Authenticator.open("/data/app/vault", TestKeys(), sink { l, t -> println("$l $t") })
    println(core.accounts())
    val r = Registered(core)
    println(r.account)
    println(File(root, "data/app").listFiles()?.toList())
}
