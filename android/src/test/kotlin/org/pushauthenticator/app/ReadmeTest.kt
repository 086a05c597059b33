package org.pushauthenticator.app

import android.os.UserManager
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties.BLOCK_MODE_GCM
import android.security.keystore.KeyProperties.ENCRYPTION_PADDING_NONE
import android.security.keystore.KeyProperties.PURPOSE_DECRYPT
import android.security.keystore.KeyProperties.PURPOSE_ENCRYPT
import java.io.File
import java.security.KeyStore
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.Authenticator
import org.pushauthenticator.PlatformKeyException
import org.pushauthenticator.PlatformKeys
import org.robolectric.Shadows.shadowOf

// README begins
class AppKeys(private val users: UserManager) : PlatformKeys {
    override fun wrap(dataKey: ByteArray): ByteArray = guard {
        val cipher = Cipher.getInstance("AES/GCM/NoPadding").apply { init(Cipher.ENCRYPT_MODE, key() ?: make()) }
        cipher.iv + cipher.doFinal(dataKey)
    }

    override fun unwrap(wrapped: ByteArray): ByteArray = guard {
        val parameters = GCMParameterSpec(128, wrapped, 0, 12)
        val cipher = Cipher.getInstance("AES/GCM/NoPadding").apply { init(Cipher.DECRYPT_MODE, key() ?: throw missing(), parameters) }
        cipher.doFinal(wrapped, 12, wrapped.size - 12)
    }

    // Invalid tells the person that the accounts are lost: only where the unlocked store has no such key is that certain here.
    private fun missing() =
        if (users.isUserUnlocked) PlatformKeyException.Invalid() else PlatformKeyException.Unavailable()

    private fun guard(work: () -> ByteArray): ByteArray = try {
        work()
    } catch (said: PlatformKeyException) {
        throw said
    } catch (failed: Exception) {
        throw PlatformKeyException.Unavailable()
    }

    private fun key(): SecretKey? =
        KeyStore.getInstance("AndroidKeyStore").run { load(null); getKey("vault", null) as SecretKey? }

    private fun make(): SecretKey {
        val spec = KeyGenParameterSpec.Builder("vault", PURPOSE_ENCRYPT or PURPOSE_DECRYPT)
            .setKeySize(256).setBlockModes(BLOCK_MODE_GCM).setEncryptionPaddings(ENCRYPTION_PADDING_NONE).build()
        return KeyGenerator.getInstance("AES", "AndroidKeyStore").run { init(spec); generateKey() }
    }
}
// README ends

/** The smallest vault key that the library's README shows is the code above, and it works. */
class ReadmeTest : AppTest() {
    private val users get() = app.service<UserManager>()

    @Test
    fun `a vault is made with it, and opened again`() {
        val vault = File(app.noBackupFilesDir, "of-the-readme").path
        Authenticator.open(vault, AppKeys(users), null).close()
        Authenticator.open(vault, AppKeys(users), null).use { assertEquals(0, it.accounts().size) }
        val wrapped = AppKeys(users).wrap(ByteArray(32) { 5 })
        assertArrayEquals(ByteArray(32) { 5 }, AppKeys(users).unwrap(wrapped))
        assertThrows(PlatformKeyException.Unavailable::class.java) { AppKeys(users).unwrap(ByteArray(3)) }
        KeyStore.getInstance("AndroidKeyStore").run { load(null); deleteEntry("vault") }
        assertThrows(PlatformKeyException.Invalid::class.java) { AppKeys(users).unwrap(wrapped) }
        shadowOf(users).setUserUnlocked(false)
        assertThrows(PlatformKeyException.Unavailable::class.java) { AppKeys(users).unwrap(wrapped) }
    }

    @Test
    fun `the README holds it`() {
        val code = File("src/test/kotlin/org/pushauthenticator/app/ReadmeTest.kt").readText().substringAfter("// README begins\n").substringBefore("// README ends").trim()
        val readme = File("../bindings/kotlin/README.md").readText().lines().joinToString("\n") { it.removePrefix("   ") }
        assertTrue("the README and this test differ", "```kotlin\n$code\n```" in readme)
    }
}
