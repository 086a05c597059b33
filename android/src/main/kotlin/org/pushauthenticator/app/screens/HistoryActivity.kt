package org.pushauthenticator.app.screens

import android.os.Bundle
import android.view.ViewGroup
import android.widget.TextView
import org.pushauthenticator.app.R

/** Sign-on requests that are over, newest first. */
class HistoryActivity : Screen() {
    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        fill(R.layout.list)
    }

    override fun begin() = whileShown { core ->
        val settled = core.phone.call { history(LIMIT, 0u) }
        val list = requireViewById<ViewGroup>(R.id.list)
        list.removeAllViews()
        settled.forEach { request ->
            val row = list.add(R.layout.list_row)
            row.requireViewById<TextView>(R.id.title).text = getString(R.string.history_row, getString(request.state.label), request.issuer)
            row.requireViewById<TextView>(R.id.text).show(request.message ?: request.account)
            row.requireViewById<TextView>(R.id.time).text = time(request.settledAt ?: request.receivedAt)
        }
        requireViewById<TextView>(R.id.empty).show(if (settled.isEmpty()) getString(R.string.history_empty) else null)
    }

    private companion object {
        val LIMIT = 200u
    }
}
