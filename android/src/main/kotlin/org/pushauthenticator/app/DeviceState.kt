package org.pushauthenticator.app

import android.app.KeyguardManager
import android.content.Context
import android.content.pm.ApplicationInfo
import android.content.pm.PackageManager
import android.hardware.biometrics.BiometricManager
import android.os.Build
import java.io.File
import org.pushauthenticator.DeviceFacts

/**
 * What the app can observe about the device. The core decides what follows from it.
 *
 * The tamper signals are those that an app can see without help. They detect a device whose owner modified it openly,
 * not one whose modifications are hidden.
 */
class DeviceState(private val context: Context) {
    /** Whether the device has a PIN, pattern or password. */
    val hasScreenLock: Boolean get() = context.service<KeyguardManager>().isDeviceSecure

    /** Whether a strong biometric is enrolled; keys can be bound to it. */
    val hasBiometric: Boolean
        get() = hasScreenLock && when {
            Build.VERSION.SDK_INT >= Build.VERSION_CODES.R ->
                context.service<BiometricManager>()
                    .canAuthenticate(BiometricManager.Authenticators.BIOMETRIC_STRONG) == BiometricManager.BIOMETRIC_SUCCESS
            Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q -> {
                @Suppress("DEPRECATION")
                context.service<BiometricManager>().canAuthenticate() == BiometricManager.BIOMETRIC_SUCCESS
            }
            else -> {
                @Suppress("DEPRECATION")
                context.packageManager.hasSystemFeature(PackageManager.FEATURE_FINGERPRINT) &&
                    context.getSystemService(android.hardware.fingerprint.FingerprintManager::class.java)
                        ?.hasEnrolledFingerprints() == true
            }
        }

    /** The tamper signals that are present. */
    fun tamperSignals(): Set<TamperSignal> = TamperSignal.entries.filterTo(mutableSetOf()) { it.isThere(context) }

    fun facts(): DeviceFacts = DeviceFacts(hasBiometric, tamperSignals().sumOf { it.weight }.coerceAtMost(1.0))
}

/** A sign that the device was modified. [weight] is its contribution to the tamper score. */
enum class TamperSignal(val weight: Double) {
    /** The system was signed with publicly known keys. */
    TEST_KEYS(0.4) {
        override fun isThere(context: Context) = Build.TAGS.orEmpty().contains("test-keys")
    },

    /** A `su` program is present that grants superuser rights. */
    SUPERUSER(0.8) {
        override fun isThere(context: Context) = SUPERUSER_FOLDERS.any { File(it, "su").exists() }
    },

    /** An app that manages superuser rights is installed. */
    SUPERUSER_APP(0.6) {
        override fun isThere(context: Context) = SUPERUSER_APPS.any { name ->
            runCatching { context.packageManager.getPackageInfo(name, 0) }.isSuccess
        }
    },

    /** This app is debuggable, as every debug build is. */
    DEBUGGABLE(0.1) {
        override fun isThere(context: Context) =
            context.applicationInfo.flags and ApplicationInfo.FLAG_DEBUGGABLE != 0
    };

    abstract fun isThere(context: Context): Boolean

    companion object {
        private val SUPERUSER_FOLDERS = listOf("/sbin", "/system/bin", "/system/xbin", "/system/sbin", "/vendor/bin", "/data/local/bin", "/data/local/xbin")

        /** The manifest lists them too; otherwise newer systems hide all of them. */
        internal val SUPERUSER_APPS = listOf("com.topjohnwu.magisk", "eu.chainfire.supersu", "com.koushikdutta.superuser", "me.weishu.kernelsu")
    }
}
