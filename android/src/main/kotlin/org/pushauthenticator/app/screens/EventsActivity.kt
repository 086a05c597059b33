package org.pushauthenticator.app.screens

import android.os.Bundle
import android.view.ViewGroup
import android.widget.TextView
import org.pushauthenticator.app.R

/** The event log of this phone, for anyone who looks for the cause of something. */
class EventsActivity : Screen() {
    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        fill(R.layout.list)
    }

    override fun begin() = whileShown { core ->
        val (events, accounts) = core.phone.call { events(LIMIT) to accounts() }
        val names = accounts.associate { it.id to getString(R.string.prompt_account, it.displayName, it.displayIssuer) }
        val list = requireViewById<ViewGroup>(R.id.list)
        list.removeAllViews()
        events.forEach { event ->
            val row = list.add(R.layout.list_row)
            row.requireViewById<TextView>(R.id.title).text = label(event.kind)?.let(::getString) ?: event.kind
            row.requireViewById<TextView>(R.id.text).show(listOfNotNull(event.accountId?.let(names::get), event.detail).joinToString("\n"))
            row.requireViewById<TextView>(R.id.time).text = time(event.at)
        }
        requireViewById<TextView>(R.id.empty).show(if (events.isEmpty()) getString(R.string.events_empty) else null)
    }

    private fun label(kind: String): Int? = when (kind) {
        "enrolled" -> R.string.event_enrolled
        "registration-confirmed" -> R.string.event_registration_confirmed
        "registration-refused" -> R.string.event_registration_refused
        "removed" -> R.string.event_removed
        "message-received" -> R.string.event_message_received
        "message-refused" -> R.string.event_message_refused
        "decided" -> R.string.event_decided
        "settled" -> R.string.event_settled
        "decision-refused" -> R.string.event_decision_refused
        "enrolment-refused" -> R.string.event_enrolment_refused
        "token-changed" -> R.string.event_token_changed
        "token-refused" -> R.string.event_token_refused
        "token-not-offered" -> R.string.event_token_not_offered
        "key-rewrapped" -> R.string.event_key_rewrapped
        "biometric-rebound" -> R.string.event_biometric_rebound
        "biometric-invalidated" -> R.string.event_biometric_invalidated
        "device-key-invalidated" -> R.string.event_device_key_invalidated
        else -> null
    }

    private companion object {
        val LIMIT = 200u
    }
}
