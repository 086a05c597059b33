package org.pushauthenticator.app.screens

import android.content.Intent
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.view.WindowManager.LayoutParams.FLAG_SECURE
import android.widget.Button
import android.widget.Switch
import android.widget.TextView
import org.pushauthenticator.app.DeviceState
import org.pushauthenticator.app.R
import org.pushauthenticator.app.TamperSignal

/** The app lock, screenshots, the detected state of the phone, and the log. */
class SettingsActivity : Screen() {
    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        fill(R.layout.settings)
        requireViewById<Button>(R.id.notifications).setOnClickListener { startActivity(notificationSettings(this)) }
        requireViewById<Button>(R.id.events).setOnClickListener { startActivity(Intent(this, EventsActivity::class.java)) }
    }

    override fun begin() {
        val device = DeviceState(this)
        lock(requireViewById(R.id.app_lock), device.hasScreenLock)
        screenshots(requireViewById(R.id.screenshots))
        val facts = requireViewById<ViewGroup>(R.id.facts)
        facts.removeAllViews()
        facts.field(R.string.fact_screen_lock, getString(if (device.hasScreenLock) R.string.fact_set_up else R.string.fact_missing))
        facts.field(R.string.fact_biometric, getString(if (device.hasBiometric) R.string.fact_set_up else R.string.fact_missing))
        val notifies = app.notices.areShown
        facts.field(R.string.fact_notifications, getString(if (notifies) R.string.fact_notifications_shown else R.string.notifications_off))
        requireViewById<View>(R.id.notifications).visibility = if (notifies) View.GONE else View.VISIBLE
        val signals = device.tamperSignals().joinToString("\n") { getString(label(it)) }
        facts.field(R.string.fact_tampering, signals.ifEmpty { getString(R.string.fact_tampering_none) })
    }

    private fun lock(switch: Switch, hasScreenLock: Boolean) {
        // The lock can be turned off even after the screen lock is gone.
        switch.isEnabled = hasScreenLock || app.settings.appLock
        switch.setOnCheckedChangeListener(null)
        switch.isChecked = app.settings.appLock
        switch.setOnCheckedChangeListener { _, on ->
            app.settings.appLock = on
            app.lock.unlocked()
            switch.isEnabled = hasScreenLock || on
            // Notifications offer less while the lock is on.
            withCore { core -> app.notices.follow(core.phone.call { pending() }, core.phone.call { accounts() }) }
        }
        requireViewById<TextView>(R.id.app_lock_hint)
            .setText(if (hasScreenLock) R.string.settings_lock_hint else R.string.settings_lock_impossible)
    }

    private fun screenshots(switch: Switch) {
        switch.setOnCheckedChangeListener(null)
        switch.isChecked = app.settings.screenshotsBlocked
        switch.setOnCheckedChangeListener { _, on ->
            app.settings.screenshotsBlocked = on
            if (on) window.addFlags(FLAG_SECURE) else window.clearFlags(FLAG_SECURE)
        }
    }

    private fun label(signal: TamperSignal): Int = when (signal) {
        TamperSignal.TEST_KEYS -> R.string.tamper_test_keys
        TamperSignal.SUPERUSER -> R.string.tamper_superuser
        TamperSignal.SUPERUSER_APP -> R.string.tamper_superuser_app
        TamperSignal.DEBUGGABLE -> R.string.tamper_debuggable
    }
}
